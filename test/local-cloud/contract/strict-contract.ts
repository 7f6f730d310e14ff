import type { IncomingMessage } from 'node:http'
import { Ajv, type ValidateFunction } from 'ajv'
import { type Contract, matches, type Operation, pointerSegment } from './contract.ts'

/** The parts of the API that a client uses but the published contract does not describe. */
export interface Additions {
  /** `METHOD /path/{parameter}`. */
  routes?: string[]
  /** Query parameters, by `METHOD /path/{parameter}`. */
  query?: Record<string, string[]>
  /**
   * Fields of an upload's metadata or of a JSON body, as `name` or `part.name`; `METHOD name` for that method's only.
   */
  fields?: string[]
}

export interface Sent {
  req: IncomingMessage
  /** The path below the base URL. */
  path: string
  query: URLSearchParams
  body: Buffer
}

/** The content types of an upload's file parts. */
const moduleTypes = [
  'application/javascript+module',
  'application/javascript',
  'application/wasm',
  'text/plain',
  'application/octet-stream',
  'application/source-map',
]

/** A violation of the contract. The message describes it. */
export class Breach extends Error {}

/**
 * The published contract in its strictest reading: unknown fields of a request are violations. Responses may have
 * unknown fields, because clients must tolerate newer ones.
 */
export class StrictContract {
  readonly #contract: Contract
  readonly #additions: Additions
  readonly #ajv = new Ajv({
    strict: false,
    allErrors: true,
    coerceTypes: false,
    validateFormats: false,
  })
  readonly #coercing = new Ajv({ strict: false, coerceTypes: true, validateFormats: false })
  readonly #compiled = new Map<string, ValidateFunction>()

  constructor(published: Contract, additions: Additions = {}, without: string[] = []) {
    this.#contract = closed(structuredClone(published)) as Contract
    for (const path of without) delete this.#contract.paths[path]
    this.#additions = additions
    this.#ajv.addSchema(this.#contract, 'closed')
  }

  /** True if the contract describes the route's responses. @throws Breach if the request violates the contract */
  async checkRequest(sent: Sent): Promise<boolean> {
    if (!/^Bearer \S+$/.test(sent.req.headers.authorization ?? '')) throw new Breach('no bearer token')
    const method = sent.req.method ?? ''
    const candidates = Object.keys(this.#contract.paths).filter((each) => matches(each, sent.path))
    const template = candidates.find((each) => this.#contract.paths[each]?.[method.toLowerCase()])
    const operation = template && this.#contract.paths[template]?.[method.toLowerCase()]
    if (template === undefined || !operation) {
      const added = this.#additions.routes?.some((route) => {
        const [wanted, path = ''] = route.split(' ')
        return wanted === method && matches(path, sent.path)
      })
      if (added) return false
      throw new Breach(candidates.length > 0 ? `${method} is not known there` : 'the path is not known')
    }
    this.#checkParameters(sent, template, operation)
    await this.#checkBody(sent, template, operation)
    return true
  }

  #checkParameters(sent: Sent, template: string, operation: Operation): void {
    const added = this.#additions.query?.[`${sent.req.method} ${template}`] ?? []
    const parameters = operation.parameters ?? []
    for (const [name, value] of sent.query) {
      const known = parameters.find((each) => each.in === 'query' && each.name === name)
      if (known !== undefined) this.#checkValue(name, value, known.schema)
      else if (!added.includes(name)) throw new Breach(`the query parameter ${name} is not known`)
    }
    const missing = parameters.find(
      (each) => each.in === 'query' && each.required && !sent.query.has(each.name),
    )
    if (missing !== undefined) throw new Breach(`the query parameter ${missing.name} is missing`)
    const given = sent.path.split('/')
    for (const [at, part] of template.split('/').entries()) {
      const known = parameters.find((each) => each.in === 'path' && `{${each.name}}` === part)
      if (known !== undefined) this.#checkValue(known.name, decodeURIComponent(given[at] ?? ''), known.schema)
    }
  }

  #checkValue(name: string, value: string, schema: object): void {
    // Ajv's type coercion writes its result into the parent object.
    const ok = this.#coercing.validate({ type: 'object', properties: { value: schema } }, { value })
    if (!ok) throw new Breach(`the parameter ${name}: ${this.#coercing.errorsText()}`)
  }

  async #checkBody(sent: Sent, template: string, operation: Operation): Promise<void> {
    if (operation.requestBody === undefined) {
      if (sent.body.length > 0) throw new Breach('a body where none is known')
      return
    }
    if (sent.body.length === 0) {
      if (operation.requestBody.required) throw new Breach('the body is missing')
      return
    }
    const given = sent.req.headers['content-type']?.split(';')[0] ?? ''
    const [type = ''] = Object.keys(operation.requestBody.content)
    if (given !== type) throw new Breach(`the content type is not ${type}`)
    const body =
      type === 'multipart/form-data' ? await this.#uploadOf(sent) : this.#withoutAdded(sent, sent.body)
    const at = `paths/${pointerSegment(template)}/${sent.req.method?.toLowerCase()}`
    const pointer = `closed#/${at}/requestBody/content/${pointerSegment(type)}/schema`
    const validate = this.#compiled.get(pointer) ?? this.#ajv.compile({ $ref: pointer })
    this.#compiled.set(pointer, validate)
    if (!validate(body)) throw new Breach(`the body: ${this.#ajv.errorsText(validate.errors)}`)
  }

  #withoutAdded({ req }: Sent, text: Buffer | string): unknown {
    const value = JSON.parse(text.toString())
    for (const known of this.#additions.fields ?? []) {
      const [field = '', method = req.method] = known.split(' ').reverse()
      if (method !== req.method) continue
      const [last = '', ...above] = field.split('.').reverse()
      const holder = above.reduceRight((part, name) => part?.[name], value)
      if (holder !== undefined) delete holder[last]
    }
    return value
  }

  async #uploadOf(sent: Sent): Promise<unknown> {
    const { req, body } = sent
    const headers = { 'content-type': req.headers['content-type'] ?? '' }
    const form = await new Response(new Uint8Array(body), { headers }).formData()
    if (sent.path.endsWith('/workers/assets/upload')) return await assetsOf(form)
    const given = form.get('metadata')
    if (given === null) throw new Breach('the part metadata is missing')
    const metadata = this.#withoutAdded(sent, typeof given === 'string' ? given : await given.text())
    for (const [name, part] of form) {
      if (name === 'metadata') continue
      if (typeof part === 'string') throw new Breach(`the part ${name} is no file`)
      if (part.name !== name) throw new Breach(`the part ${name} has another file name`)
      if (!moduleTypes.includes(part.type)) throw new Breach(`the part ${name} is no kind of module`)
    }
    const { main_module: main } = metadata as { main_module?: string }
    if (main !== undefined && !form.has(main)) throw new Breach('the main module is missing')
    return { metadata }
  }
}

/** The parts of an upload of static files: base64, each named by its hash. */
async function assetsOf(form: FormData): Promise<Record<string, string>> {
  const texts: Record<string, string> = {}
  for (const [hash, part] of form) {
    if (!/^[0-9a-f]{32}$/.test(hash)) throw new Breach(`the part ${hash} is not named by a hash`)
    if (typeof part === 'string' || part.name !== hash) throw new Breach(`the part ${hash} is no file`)
    const text = await part.text()
    if (Buffer.from(text, 'base64').toString('base64') !== text) throw new Breach(`${hash} is not base64`)
    texts[hash] = text
  }
  return texts
}

/** The same schemas, in which objects with listed fields allow no others. */
function closed(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(closed)
  if (typeof node !== 'object' || node === null) return node
  const entries = Object.entries(node).map(([key, value]) => [key, closed(value)])
  const schema = Object.fromEntries(entries)
  const lists = schema.type === 'object' && schema.properties !== undefined
  return lists && schema.additionalProperties === undefined
    ? { ...schema, additionalProperties: false }
    : schema
}
