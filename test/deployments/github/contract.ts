import { Ajv, type ValidateFunction } from 'ajv'
import { readContract } from '../../contracts/index.ts'

// biome-ignore lint/suspicious/noExplicitAny: a document of another's making, walked by path
type Json = any

let loaded: { contract: Json; ajv: Ajv } | undefined
const compiled = new Map<string, ValidateFunction>()

function load() {
  if (loaded !== undefined) return loaded
  const contract: Json = readContract('github')
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false, logger: false })
  ajv.addSchema(contract, 'github')
  loaded = { contract, ajv }
  return loaded
}

/** @returns what is wrong with a call, in words. */
export function breaches(call: {
  method: string
  path: string
  status: number
  sent: unknown
  answered: unknown
}): string[] {
  const { contract } = load()
  const { method, path, status, sent, answered } = call
  const what = `${method} ${path}`
  const template = Object.keys(contract.paths).find((each) => matches(each, path))
  const operation = template && contract.paths[template][method.toLowerCase()]
  if (template === undefined || operation === undefined) return [`${what} is not in the contract`]
  const base = `paths/${segment(template)}/${method.toLowerCase()}`
  const body = '/content/application~1json/schema'
  const found: string[] = []
  if (status < 400 && operation.requestBody !== undefined)
    found.push(...check(`${base}/requestBody${body}`, sent, `request ${what}`))
  if (status < 400 && operation.responses[status] === undefined) found.push(`${what}: answer ${status}`)
  else if (status < 400)
    found.push(...check(`${base}/responses/${status}${body}`, answered, `answer of ${what}`))
  else found.push(...check('components/schemas/basic-error', answered, `refusal of ${what}`))
  return found
}

function check(pointer: string, value: unknown, what: string): string[] {
  const { ajv } = load()
  const validate = compiled.get(pointer) ?? ajv.compile({ $ref: `github#/${pointer}` })
  compiled.set(pointer, validate)
  return validate(value) ? [] : [`${what}: ${ajv.errorsText(validate.errors)}`]
}

/** The least that the contract asks of a schema, so that a fake need only say what a test is about. */
export function least(name: string): Json {
  const { contract } = load()
  return leastOf(contract, contract.components.schemas[name])
}

function leastOf(contract: Json, schema: Json): Json {
  if (schema.$ref !== undefined) {
    const found = schema.$ref
      .slice(2)
      .split('/')
      .reduce((at: Json, key: string) => at[key], contract)
    return leastOf(contract, found)
  }
  const [first] = schema.oneOf ?? schema.anyOf ?? schema.allOf ?? []
  if (first !== undefined) return leastOf(contract, first)
  if (schema.nullable) return null
  if (schema.enum !== undefined) return schema.enum[0]
  if (schema.type === 'object' || schema.properties !== undefined) {
    const required: string[] = schema.required ?? []
    return Object.fromEntries(required.map((key) => [key, leastOf(contract, schema.properties[key])]))
  }
  if (schema.type === 'array') return []
  if (schema.type === 'integer' || schema.type === 'number') return 1
  return schema.type === 'boolean' ? false : ''
}

const segment = (text: string) => encodeURIComponent(text.replaceAll('~', '~0').replaceAll('/', '~1'))

function matches(template: string, path: string): boolean {
  const [wanted, given] = [template.split('/'), path.split('/')]
  return (
    wanted.length === given.length && wanted.every((part, at) => part.startsWith('{') || part === given[at])
  )
}
