import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ValidateFunction } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { projectRoot } from '../../scripts/openapi/file.ts'

export type Json = Record<string, unknown>

interface MediaType {
  schema?: Json
  'x-item-schema'?: Json
}
interface Response {
  content?: Record<string, MediaType>
  headers?: Record<string, { required?: boolean; $ref?: string }>
}
export interface Parameter {
  in: 'path' | 'query' | 'header'
  name: string
  required: boolean
  schema: Json
}
export interface Operation {
  operationId: string
  parameters?: Parameter[]
  requestBody?: { required: boolean; content: Record<string, MediaType> }
  responses: Record<string, Response>
  'x-access': string
  'x-websocket'?: unknown
}
export interface Document {
  paths: Record<string, Record<string, Operation>>
  components: Record<string, Record<string, Json>>
}

/** A response as a client sees it. */
export interface Seen {
  method: string
  /** The path of the document, such as `/jobs/{id}`; undefined for a path that the service does not have. */
  template: string | undefined
  status: number
  headers: Record<string, unknown>
  body: string
}

let loaded: { document: Document; ajv: Ajv2020 } | undefined
const compiled = new Map<string, ValidateFunction>()

/** Reads the document at the first use. Schemas are compiled when a response needs them, once per worker. */
function load() {
  if (loaded !== undefined) return loaded
  const document = JSON.parse(readFileSync(join(projectRoot, 'openapi.json'), 'utf8')) as Document
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateSchema: false })
  ajv.addFormat('uuid', /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i)
  ajv.addFormat('date-time', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/)
  ajv.addSchema(document, 'openapi')
  loaded = { document, ajv }
  return loaded
}

export const openApi = (): Document => load().document

/** Follows a reference within the document. */
export function resolve<T extends object>(value: T): T {
  const { $ref: reference } = value as { $ref?: string }
  if (reference === undefined) return value
  const [, , kind = '', name = ''] = reference.split('/')
  const found = load().document.components[kind]?.[name]
  if (found === undefined) throw new Error(`the document has no ${reference}`)
  return found as T
}

/** @param keys the place of a schema in the document */
function check(keys: string[], value: unknown): string[] {
  const pointer = keys
    .map((key) => encodeURIComponent(key.replaceAll('~', '~0').replaceAll('/', '~1')))
    .join('/')
  const validate = compiled.get(pointer) ?? load().ajv.compile({ $ref: `openapi#/${pointer}` })
  compiled.set(pointer, validate)
  if (validate(value)) return []
  return (validate.errors ?? []).map(({ instancePath, message, params }) =>
    `${instancePath || 'the body'} ${message} ${JSON.stringify(params)}`.slice(0, 300),
  )
}

/** What the document does not allow of a response; empty if it is as documented. */
export function faultsOf(seen: Seen): string[] {
  const { method, template, status } = seen
  const verb = method === 'HEAD' ? 'get' : method.toLowerCase()
  const operation = template === undefined ? undefined : load().document.paths[template]?.[verb]
  const name = operation?.operationId ?? `${method} ${template ?? '(no such path)'}`
  return problemsOf(seen, operation, { template, verb }).map((problem) => `${name} ${status}: ${problem}`)
}

function problemsOf(
  seen: Seen,
  operation: Operation | undefined,
  { template, verb }: { template: string | undefined; verb: string },
): string[] {
  const { status, headers, body } = seen
  if (operation === undefined || template === undefined) {
    // The paths and methods that the service does not have.
    if (status !== 404 && status !== 405 && status !== 400)
      return [`is not documented: ${body.slice(0, 200)}`]
    return check(['components', 'schemas', 'Error'], jsonOf(body))
  }
  const stored = operation.responses[status]
  if (stored === undefined) return [`the status is not documented: ${body.slice(0, 300)}`]
  const response = resolve(stored)
  const missing = Object.entries(response.headers ?? {})
    .filter(([, header]) => resolve(header).required !== false)
    .filter(([header]) => headers[header.toLowerCase()] === undefined)
    .map(([header]) => `the header ${header} is missing`)
  if (seen.method === 'HEAD') return missing
  const place = stored === response ? ['paths', template, verb, 'responses', String(status)] : placeOf(stored)
  return [...missing, ...bodyFaults(response, { seen, place })]
}

const placeOf = (reference: object) =>
  String((reference as { $ref?: string }).$ref)
    .split('/')
    .slice(1)

function bodyFaults({ content }: Response, { seen, place }: { seen: Seen; place: string[] }): string[] {
  const { headers, body } = seen
  if (content === undefined) return body === '' ? [] : ['has a body, and none is documented']
  const type =
    String(headers['content-type'] ?? '')
      .split(';')[0]
      ?.trim() ?? ''
  const key = content[type] === undefined ? '*/*' : type
  const media = content[key]
  if (media === undefined) return [`the type ${type} is not documented`]
  if (media['x-item-schema'] !== undefined)
    return eventsOf(body).flatMap((event) => check([...place, 'content', key, 'x-item-schema'], event))
  if (key !== 'application/json') return []
  return check([...place, 'content', key, 'schema'], jsonOf(body))
}

function jsonOf(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

/** The complete events of a stream; comments are left out. */
function eventsOf(stream: string): object[] {
  return stream
    .split('\n\n')
    .slice(0, -1)
    .filter((block) => block.includes('data: '))
    .map((block) => {
      const fields = Object.fromEntries(
        block
          .split('\n')
          .map((line) => [line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2)]),
      )
      return { event: fields.event ?? 'message', id: fields.id, data: jsonOf(fields.data ?? '') }
    })
}
