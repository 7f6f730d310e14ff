import type { Route } from '../../src/platform/http/index.ts'
import type { Answer, Content, OperationDescription } from '../../src/platform/operations/index.ts'
import { type Components, type Json, reference } from './components.ts'
import { errorResponse, errorsOf } from './errors.ts'
import { hasEntityTag } from './parameters.ts'

/** The responses of an operation by status: its answers, its errors, and 304 for a body with an entity tag. */
export function responsesOf(components: Components, route: Route, description: OperationDescription): Json {
  const answers = Object.entries(description.answers).map(
    ([status, answer]) => [status, responseOf(components, route, answer)] as const,
  )
  const errors = [...errorsOf(route, description)].map(([status, codes]) => {
    const response = errorResponse(components, status, codes)
    const taken = description.answers[status]
    // Only a probe answers with the status of an error and a body of its own.
    if (taken !== undefined) return [String(status), responseOf(components, route, taken)] as const
    return [String(status), description.errorPage ? orPage(components, route, response) : response] as const
  })
  const notModified = hasEntityTag(description) ? [['304', notModifiedOf(route)] as const] : []
  return Object.fromEntries([...answers, ...errors, ...notModified])
}

/** The error envelope for programs, an HTML page for browsers; neither has all headers of the envelope for certain. */
function orPage(components: Components, route: Route, { $ref }: Json): Json {
  const shared = components.responses[String($ref).replace('#/components/responses/', '')] as Json
  const content = { ...(shared.content as Json), 'text/html': mediaType(components, { bytes: true }) }
  return { description: shared.description, headers: generalHeaders(route), content }
}

const notModifiedOf = (route: Route): Json => ({
  description: 'The body has not changed since the one with the entity tag',
  headers: { ETag: reference('headers', 'ETag'), ...generalHeaders(route) },
})

function responseOf(components: Components, route: Route, answer: Answer): Json {
  const content = Object.entries(answer.content ?? {}).map(
    ([type, each]) => [type, mediaType(components, each)] as const,
  )
  return {
    description: answer.description,
    headers: {
      ...generalHeaders(route),
      ...Object.fromEntries(
        Object.entries(answer.headers ?? {}).map(([name, { description, required }]) => [
          name,
          { description, required, schema: { type: 'string' } },
        ]),
      ),
    },
    ...(content.length === 0 ? {} : { content: Object.fromEntries(content) }),
  }
}

/** The body of a response or a request in one media type. */
export function mediaType(components: Components, content: Content, io: 'input' | 'output' = 'output'): Json {
  if ('schema' in content) return { schema: components.convert(content.schema, io) }
  if ('events' in content)
    return {
      // OpenAPI 3.1 knows streams as text only; 3.2 has `itemSchema`.
      schema: { type: 'string', description: 'Server-Sent Events, described by `x-item-schema`' },
      'x-item-schema': components.convert(content.events, 'output'),
    }
  return { schema: {} }
}

function generalHeaders({ limit }: Route): Json {
  const names = ['X-Request-Id', ...(limit === 'none' ? [] : rateLimitHeaders)]
  return Object.fromEntries(names.map((name) => [name, reference('headers', name)]))
}

const rateLimitHeaders = [
  'X-RateLimit-Limit',
  'X-RateLimit-Remaining',
  'X-RateLimit-Reset',
  'RateLimit',
  'RateLimit-Policy',
]

const header = (description: string, schema: Json = { type: 'string' }, required = true): Json => ({
  description,
  required,
  schema,
})
const whole = { type: 'integer', minimum: 0 }

export const sharedHeaders: Record<string, Json> = {
  'X-Request-Id': header('Identifies the request in logs; a well-formed one of the request is kept'),
  ETag: header('The entity tag of the body'),
  'Retry-After': header('The seconds after which a repeat can succeed', whole, false),
  'WWW-Authenticate': header('How to authenticate'),
  'X-RateLimit-Limit': header('Requests per second', whole),
  'X-RateLimit-Remaining': header('Requests left', whole),
  'X-RateLimit-Reset': header('The Unix second in which the limit is full again', whole),
  RateLimit: header(
    'Requests left and the seconds until the next one (draft-ietf-httpapi-ratelimit-headers)',
  ),
  'RateLimit-Policy': header('The limit (draft-ietf-httpapi-ratelimit-headers)'),
}
