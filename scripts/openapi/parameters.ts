import type { z } from 'zod'
import type { Route } from '../../src/platform/http/index.ts'
import type { OperationDescription } from '../../src/platform/operations/index.ts'
import { type Components, type Json, reference } from './components.ts'

type Place = 'path' | 'query' | 'header'

/** The parameters of an operation in path, query and headers. */
export function parametersOf(
  components: Components,
  route: Route,
  description: OperationDescription,
): Json[] {
  const names = [...route.path.matchAll(/[:*](\w+)/g)].map(([, name = '']) => name)
  const inPath = fieldsOf(components, route.params)
  const path = names.map((name) =>
    parameter('path', name, { schema: pathSchema(inPath[name]), required: true }),
  )
  const query = {
    ...fieldsOf(components, route.query),
    ...fieldsOf(components, description.parameters?.query),
  }
  const header = fieldsOf(components, description.parameters?.header)
  return [
    ...path,
    ...Object.entries(query).map(([name, field]) => parameter('query', name, field)),
    ...Object.entries(header).map(([name, field]) => parameter('header', name, field)),
    ...(description.idempotencyKey ? [reference('parameters', 'Idempotency-Key')] : []),
    ...(hasEntityTag(description) ? [reference('parameters', 'If-None-Match')] : []),
    ...(route.method !== 'get' && route.access !== 'open' && route.csrf
      ? [reference('parameters', 'X-CSRF-Token')]
      : []),
  ]
}

export const hasEntityTag = ({ answers }: OperationDescription): boolean =>
  answers[200]?.content !== undefined && answers[200].headers?.ETag !== undefined

/** A path's wildcard is a list of segments; in the document it is one text. */
function pathSchema(field: Field | undefined): Json {
  const { schema = { type: 'string' } } = field ?? {}
  return schema.type === 'array' ? { type: 'string', description: 'May contain slashes' } : schema
}

interface Field {
  schema: Json
  required: boolean
}

function parameter(place: Place, name: string, { schema, required }: Field): Json {
  const { description, ...rest } = schema
  return { in: place, name, required, schema: rest, ...(description === undefined ? {} : { description }) }
}

/** The fields of an object's schema; none for other schemas, which describe no fixed fields. */
function fieldsOf(components: Components, schema: z.ZodType | undefined): Record<string, Field> {
  if (schema === undefined) return {}
  const { properties = {}, required = [] } = components.convert(schema, 'input')
  return Object.fromEntries(
    Object.entries(properties as Record<string, Json>).map(([name, each]) => [
      name,
      { schema: each, required: (required as string[]).includes(name) },
    ]),
  )
}

/** The parameters that many operations share. */
export const sharedParameters: Record<string, Json> = {
  'Idempotency-Key': {
    in: 'header',
    name: 'Idempotency-Key',
    required: false,
    description:
      'A repeat with the same key and body gets the recorded answer and writes nothing. Keys of different callers are independent.',
    schema: { type: 'string', pattern: '^[\\x21-\\x7e]{1,255}$' },
  },
  'If-None-Match': {
    in: 'header',
    name: 'If-None-Match',
    required: false,
    description: 'The `ETag` of an earlier answer: if it still holds, the answer is 304 without a body.',
    schema: { type: 'string' },
  },
  'X-CSRF-Token': {
    in: 'header',
    name: 'X-CSRF-Token',
    required: false,
    description: 'Required with a session: the value of the cookie `XSRF-TOKEN`.',
    schema: { type: 'string' },
  },
}
