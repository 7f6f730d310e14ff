import { z } from 'zod'
import { type AbsentType, absentTypes } from '../../store/bindings.ts'

/** The bindings in an upload's `metadata`, with Cloudflare's names of their fields. */

export const jsName = z.string().regex(/^[A-Za-z_$][\w$]{0,254}$/, 'must be a JavaScript identifier')
const name = z.string().regex(/^[A-Za-z_$][\w$-]{0,254}$/, 'must be an identifier')
const text = z.string().min(1)
const of = <T extends string, S extends z.ZodRawShape>(type: T, shape: S) =>
  z.strictObject({ type: z.literal(type), name, ...shape })

export const secretText = of('secret_text', { text: z.string() })
const durableObject = of('durable_object_namespace', {
  class_name: jsName.optional(),
  script_name: text.optional(),
  environment: z.string().optional(),
  namespace_id: z.string().optional(),
})
const inherit = of('inherit', { old_name: name.optional(), version_id: z.string().optional() })
// wrangler sends `id`, the types of the npm client say `database_id`.
const d1 = of('d1', { id: text.optional(), database_id: text.optional(), internalEnv: z.string().optional() })
const service = of('service', {
  service: text,
  entrypoint: text.optional(),
  environment: text.optional(),
  props: z.record(z.string(), z.json()).optional(),
  cross_account_grant: z.string().optional(),
})
const rateLimit = of('ratelimit', {
  namespace_id: text,
  simple: z.strictObject({
    limit: z.int().positive(),
    period: z.union([z.literal(10), z.literal(60)], 'must be 10 or 60'),
    mitigation_timeout: z.number().optional(),
  }),
})

/** The fields that a type which does not run here must have, besides its name. The others are stored as given. */
const requiredFields: Partial<Record<AbsentType, string[]>> = {
  ai_search: ['instance_name'],
  ai_search_namespace: ['namespace'],
  artifacts: ['namespace'],
  dispatch_namespace: ['namespace'],
  flagship: ['app_id'],
  hyperdrive: ['id'],
  k2: ['stream'],
  messaging: ['namespace'],
  mtls_certificate: ['certificate_id'],
  secrets_store_secret: ['store_id', 'secret_name'],
  vectorize: ['index_name'],
  vpc_service: ['service_id'],
}
const absent = z.looseObject({ type: z.enum(absentTypes), name }).superRefine((binding, context) => {
  for (const field of requiredFields[binding.type] ?? []) {
    const value = binding[field]
    if (typeof value !== 'string' || value === '')
      context.addIssue({ code: 'custom', path: [field], message: 'is required' })
  }
})

const knownBinding = z.discriminatedUnion('type', [
  of('plain_text', { text: z.string() }),
  secretText,
  of('json', { json: z.json() }),
  of('version_metadata', {}),
  of('assets', {}),
  of('queue', { queue_name: text, delivery_delay: z.int().min(0).max(43_200).optional() }),
  of('workflow', {
    workflow_name: text,
    class_name: jsName.optional(),
    script_name: text.optional(),
  }),
  of('analytics_engine', { dataset: text }),
  of('send_email', {
    destination_address: z.string().optional(),
    allowed_destination_addresses: z.array(z.string()).optional(),
    allowed_sender_addresses: z.array(z.string()).optional(),
  }),
  durableObject,
  inherit,
  of('kv_namespace', { namespace_id: text }),
  of('r2_bucket', { bucket_name: text, jurisdiction: z.string().optional() }),
  d1,
  service,
  rateLimit,
  absent,
])
const knownTypes: ReadonlySet<string> = new Set([
  ...absentTypes,
  ...[
    'plain_text',
    'secret_text',
    'json',
    'version_metadata',
    'assets',
    'queue',
    'workflow',
    'analytics_engine',
  ],
  ...[
    'send_email',
    'durable_object_namespace',
    'inherit',
    'kv_namespace',
    'r2_bucket',
    'd1',
    'service',
    'ratelimit',
  ],
])

/** A binding. One of an unknown type is accepted with all its fields, as `unsafe.bindings` of a project contains them. */
export const givenBinding = z.looseObject({ type: z.string(), name }).transform((given, context) => {
  if (!knownTypes.has(given.type)) return { type: 'unknown' as const, name: given.name, given }
  const parsed = knownBinding.safeParse(given)
  if (parsed.success) return parsed.data
  for (const { path, message } of parsed.error.issues) context.addIssue({ code: 'custom', path, message })
  return z.NEVER
})
export type GivenBinding = z.infer<typeof givenBinding>
