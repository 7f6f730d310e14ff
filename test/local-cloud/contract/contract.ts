import { Ajv, type ValidateFunction } from 'ajv'
import { readContract } from '../../contracts/index.ts'

export interface Contract {
  paths: Record<string, Record<string, Operation>>
}
export interface Operation {
  parameters?: { name: string; in: 'path' | 'query'; required?: boolean; schema: object }[]
  requestBody?: { required?: boolean; content: Record<string, unknown> }
  responses: Record<string, unknown>
}

/** The operations that wrangler 4.164 uses but the published contract does not describe, as `METHOD /path`. */
export const wranglerOnly = [
  'GET /accounts/{account_id}/workers/scripts/{script_name}/settings',
  'PATCH /accounts/{account_id}/workers/scripts/{script_name}/secrets-bulk',
  'GET /accounts/{account_id}/workers/workers/{script_name}',
  'PATCH /accounts/{account_id}/workers/workers/{script_name}/versions/latest',
  'DELETE /accounts/{account_id}/workers/services/{script_name}',
  'GET /accounts/{account_id}/storage/kv/namespaces',
]

const isWranglerOnly = (method: string, path: string) =>
  wranglerOnly.some((route) => {
    const [wanted, template = ''] = route.split(' ')
    return wanted === method && matches(template, path)
  })

let loaded: { contract: Contract; ajv: Ajv } | undefined
const compiled = new Map<string, ValidateFunction>()

function load() {
  if (loaded !== undefined) return loaded
  const contract: Contract = readContract('cloudflare')
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false })
  ajv.addSchema(contract, 'cloudflare')
  loaded = { contract, ajv }
  return loaded
}

export const publishedContract = (): Contract => load().contract

/**
 * Checks a request and its response against Cloudflare's published contract. `path` is the path below the base URL,
 * without a query. A multipart body is given as `{metadata}`. Rejected requests may violate the contract, their responses
 * may not.
 */
export function assertConforms(
  method: string,
  path: string,
  status: number,
  requestBody: unknown,
  responseBody: unknown,
): void {
  const { contract } = load()
  const parameters = (template: string) => template.split('{').length
  // A path with fewer parameters is the more specific one: /domains/records, not /domains/{domain_id}.
  const [template] = Object.keys(contract.paths)
    .filter((candidate) => matches(candidate, path))
    .toSorted((one, other) => parameters(one) - parameters(other))
  const operation = template && contract.paths[template]?.[method.toLowerCase()]
  if (template === undefined || !operation) {
    if (status < 400) {
      if (isWranglerOnly(method, path)) return
      throw new Error(`${method} ${path} is not in the contract`)
    }
    check('components/responses/Failure/content/application~1json/schema', responseBody, `${method} ${path}`)
    return
  }
  const base = `paths/${pointerSegment(template)}/${method.toLowerCase()}`
  const schemaBelow = (part: string, type: string) => `${base}/${part}/content/${pointerSegment(type)}/schema`
  const [type] = Object.keys(operation.requestBody?.content ?? {})
  if (status < 400 && requestBody !== undefined && type !== undefined) {
    check(schemaBelow('requestBody', type), requestBody, `request ${method} ${path}`)
  }
  const answer =
    status < 400
      ? schemaBelow('responses/200', 'application/json')
      : 'components/responses/Failure/content/application~1json/schema'
  check(answer, responseBody, `answer ${status} of ${method} ${path}`)
}

function check(pointer: string, value: unknown, what: string): void {
  const { ajv } = load()
  const validate = compiled.get(pointer) ?? ajv.compile({ $ref: `cloudflare#/${pointer}` })
  compiled.set(pointer, validate)
  if (validate(value)) return
  throw new Error(`${what} breaks the contract: ${ajv.errorsText(validate.errors)}`)
}

export const pointerSegment = (segment: string) =>
  encodeURIComponent(segment.replaceAll('~', '~0').replaceAll('/', '~1'))

export function matches(template: string, path: string): boolean {
  const [wanted, given] = [template.split('/'), path.split('/')]
  return (
    wanted.length === given.length && wanted.every((part, at) => part.startsWith('{') || part === given[at])
  )
}
