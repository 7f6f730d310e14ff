/** Types of bindings that Cloudflare has and this cloud cannot run: they are accepted, and using one throws an error. */
export const absentTypes = [
  'agent_memory',
  'ai',
  'ai_search',
  'ai_search_namespace',
  'artifacts',
  'browser',
  'dispatch_namespace',
  'flagship',
  'hyperdrive',
  'images',
  'k2',
  'logfwdr',
  'media',
  'messaging',
  'mtls_certificate',
  'pipelines',
  'secret_key',
  'secrets_store_secret',
  'stream',
  'vectorize',
  'vpc_network',
  'vpc_service',
  'worker_loader',
] as const
export type AbsentType = (typeof absentTypes)[number]

const absent: ReadonlySet<string> = new Set(absentTypes)

/** A binding of a type that this cloud cannot run, with Cloudflare's fields as they were given. */
export interface AbsentBinding {
  type: AbsentType
  name: string
  [field: string]: unknown
}

/** A binding of a type that this cloud does not know, as it was given. Using one throws an error. */
export interface UnknownBinding {
  type: 'unknown'
  name: string
  given: { type: string; name: string; [field: string]: unknown }
}

/** A stored binding, with secrets in clear text. Use `publicBinding` before one is sent or logged. */
export type Binding =
  | { type: 'plain_text'; name: string; text: string }
  | { type: 'secret_text'; name: string; text: string }
  | { type: 'json'; name: string; json: unknown }
  | { type: 'version_metadata'; name: string }
  | {
      type: 'durable_object_namespace'
      name: string
      class_name: string
      /** The script that has the class; undefined for the script itself. */
      script_name?: string | undefined
    }
  | { type: 'kv_namespace'; name: string; namespace_id: string }
  | { type: 'r2_bucket'; name: string; bucket_name: string; jurisdiction?: string | undefined }
  | { type: 'd1'; name: string; id: string }
  | {
      type: 'service'
      name: string
      service: string
      entrypoint?: string | undefined
      environment?: string | undefined
      props?: Record<string, unknown> | undefined
    }
  | {
      type: 'ratelimit'
      name: string
      namespace_id: string
      simple: { limit: number; period: 10 | 60 }
    }
  | {
      type: 'workflow'
      name: string
      workflow_name: string
      class_name?: string | undefined
      /** The script that has the class; undefined for the script itself. */
      script_name?: string | undefined
    }
  | { type: 'analytics_engine'; name: string; dataset: string }
  | {
      type: 'send_email'
      name: string
      destination_address?: string | undefined
      allowed_destination_addresses?: string[] | undefined
      allowed_sender_addresses?: string[] | undefined
    }
  | UnknownBinding
  | { type: 'assets'; name: string }
  | { type: 'queue'; name: string; queue_name: string; delivery_delay?: number | undefined }
  | AbsentBinding

/** True for a binding that is accepted although this cloud cannot run it. */
export const isAbsent = (binding: Binding): binding is AbsentBinding | UnknownBinding =>
  absent.has(binding.type) || binding.type === 'unknown'

/** The type of a binding as Cloudflare names it. */
export const typeOf = (binding: Binding): string =>
  binding.type === 'unknown' ? binding.given.type : binding.type
