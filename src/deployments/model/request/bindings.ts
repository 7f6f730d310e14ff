import { z } from 'zod'
import { fieldFaults } from '../../../platform/http/validation.ts'
import { identifier, line } from './names.ts'

// Cloudflare's limit for the value of a variable on a paid plan.
const maxVariableBytes = 5120

const bytesOf = (value: unknown) =>
  Buffer.byteLength(typeof value === 'string' ? value : JSON.stringify(value))
const tooLarge = `expected at most ${maxVariableBytes} bytes`

/** The text of a variable or secret. */
export const variableText = z.string().refine((text) => bytesOf(text) <= maxVariableBytes, tooLarge)

const bindingName = z
  .string()
  .regex(/^[^\s\p{Cc}"'\\]{1,128}$/u, 'expected 1 to 128 characters without spaces, quotes and backslashes')

/** A resource that is found by its name, or created, in place of a given id. */
const provision = z.strictObject({ name: line(512), create: z.boolean() })

const id = line(512)
const optionalId = id.optional()
const bucket = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/, 'expected 3 to 63 characters: a-z, 0-9 and -')
const queue = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'expected 1 to 63 characters: a-z, 0-9 and -')

/** The field that identifies the resource of a binding, for types whose resource can be found by name or created. */
export const provisionedFields = {
  kv_namespace: 'namespace_id',
  d1: 'id',
  r2_bucket: 'bucket_name',
  queue: 'queue_name',
  dispatch_namespace: 'namespace',
} as const
export type ProvisionedType = keyof typeof provisionedFields

/** The type, if it is one whose resource can be found by name or created. */
export const provisionedType = (type: string): ProvisionedType | undefined =>
  Object.hasOwn(provisionedFields, type) ? (type as ProvisionedType) : undefined

const nothing = z.looseObject({})
const limit = z.number().int().min(1)

/** The fields that Cloudflare requires, by type. Other fields and other types are passed through unchanged. */
const fieldsByType: Record<string, z.ZodType> = {
  ai: nothing,
  analytics_engine: z.looseObject({ dataset: line(255) }),
  assets: nothing,
  browser: nothing,
  d1: z.looseObject({ id: optionalId }),
  dispatch_namespace: z.looseObject({ namespace: optionalId }),
  durable_object_namespace: z.looseObject({
    class_name: identifier,
    script_name: optionalId,
    environment: optionalId,
  }),
  hyperdrive: z.looseObject({ id }),
  images: nothing,
  json: z.looseObject({
    json: z
      .unknown()
      .refine((value) => value !== undefined, 'is required')
      .refine((value) => bytesOf(value ?? null) <= maxVariableBytes, tooLarge),
  }),
  kv_namespace: z.looseObject({ namespace_id: optionalId }),
  mtls_certificate: z.looseObject({ certificate_id: id }),
  plain_text: z.looseObject({ text: variableText }),
  queue: z.looseObject({ queue_name: queue.optional(), delivery_delay: z.number().int().min(0).optional() }),
  r2_bucket: z.looseObject({ bucket_name: bucket.optional(), jurisdiction: optionalId }),
  ratelimit: z.looseObject({
    namespace_id: id,
    simple: z.looseObject({ limit, period: z.literal([10, 60], 'expected 10 or 60 seconds') }),
  }),
  secrets_store_secret: z.looseObject({ store_id: id, secret_name: id }),
  send_email: nothing,
  service: z.looseObject({ service: id, entrypoint: optionalId, environment: optionalId }),
  vectorize: z.looseObject({ index_name: id }),
  version_metadata: nothing,
  workflow: z.looseObject({ workflow_name: id, class_name: identifier.optional(), script_name: optionalId }),
}

/** True for types whose fields Capstan knows; all others are passed through. */
export const isKnownType = (type: string): boolean => Object.hasOwn(fieldsByType, type)

const refusedTypes: Record<string, string> = {
  secret_text: 'secrets belong into config.secrets, where they are encrypted',
  secret_key: 'secrets belong into config.secrets, where they are encrypted',
  inherit: 'name the resource: what an inherited binding means would depend on another version',
}

/** A binding with Cloudflare's own field names. */
export interface BindingRequest {
  type: string
  name: string
  provision?: z.output<typeof provision> | undefined
  [field: string]: unknown
}

const binding: z.ZodType<BindingRequest> = z
  .looseObject({
    type: z.string().regex(/^[a-z0-9_]{1,64}$/),
    name: bindingName,
    provision: provision.optional(),
  })
  .transform(withOneId)
  .superRefine((given, context) => {
    const add = (path: PropertyKey[], message: string) =>
      context.addIssue({ code: 'custom', path, message, input: undefined })
    const refused = Object.hasOwn(refusedTypes, given.type) ? refusedTypes[given.type] : undefined
    if (refused !== undefined) return add(['type'], refused)
    const error = isKnownType(given.type) ? fieldsByType[given.type]?.safeParse(given).error : undefined
    for (const { path, problem } of error === undefined ? [] : fieldFaults(error, 'type'))
      add([path], problem)
    for (const [path, message] of provisionFaults(given)) add([path], message)
  })

/** Cloudflare's client library calls the id of a D1 database `database_id`, wrangler sends `id`. */
function withOneId(given: BindingRequest): BindingRequest {
  if (given.type !== 'd1' || given.id !== undefined || given.database_id === undefined) return given
  const { database_id: databaseId, ...rest } = given
  return { ...rest, type: given.type, name: given.name, id: databaseId }
}

function provisionFaults(given: BindingRequest): [path: string, problem: string][] {
  const { type, provision: wanted } = given
  const known = provisionedType(type)
  if (known === undefined) {
    return wanted === undefined ? [] : [['provision', 'is not possible for bindings of this type']]
  }
  const field = provisionedFields[known]
  const isGiven = given[field] !== undefined
  if (isGiven && wanted !== undefined) return [['provision', `give either ${field} or provision`]]
  if (!isGiven && wanted === undefined) return [[field, `is required, or provision in its place`]]
  const shape = known === 'r2_bucket' ? bucket : known === 'queue' ? queue : undefined
  if (wanted === undefined || shape === undefined || shape.safeParse(wanted.name).success) return []
  return [['provision', `the name: ${shape.safeParse(wanted.name).error?.issues[0]?.message}`]]
}

export const bindings = z.array(binding).max(1000)
