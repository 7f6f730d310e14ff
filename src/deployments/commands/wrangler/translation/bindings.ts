import type { BindingRequest } from '../../../model/request/bindings.ts'
import type { WranglerConfig } from '../reading/config-schema.ts'
import type { Binding } from '../reading/form.ts'
import type { Naming } from './naming.ts'
import { resourceName } from './naming.ts'
import { stagingBinding } from './staging-binding.ts'

export interface TranslatedBindings {
  bindings: BindingRequest[]
  /** Variables with text values. */
  environmentVars: Record<string, string>
  /** Secrets that the app must have. */
  requiredSecrets: string[]
  /** Bindings whose resource is production's, and that staging cannot have of its own. */
  unshareable: string[]
}

/** Names that are valid for `environmentVars`; others stay bindings of type plain_text. */
const variableName = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/

/** Translates the bindings of wrangler's upload: only those without a resource differ. */
export function translateBindings(
  uploaded: Binding[],
  config: WranglerConfig,
  naming: Naming,
): TranslatedBindings {
  const required = new Set(config.secrets?.required ?? [])
  const translated: TranslatedBindings = {
    bindings: [],
    environmentVars: {},
    requiredSecrets: [...required],
    unshareable: [],
  }
  for (const binding of uploaded) {
    const { type, name, text } = binding
    if (type === 'inherit' && required.has(name)) continue
    if (type === 'plain_text' && typeof text === 'string' && variableName.test(name)) {
      translated.environmentVars[name] = text
      continue
    }
    const whole = completed(binding, config, naming)
    if (!naming.borrowed || naming.isShared(name)) {
      translated.bindings.push(withOwnName(whole, naming))
      continue
    }
    const own = stagingBinding(whole, naming)
    if (own === undefined) translated.unshareable.push(name)
    else translated.bindings.push(own)
  }
  return translated
}

/** Replaces wrangler's placeholder for a resource without id, and names those that wrangler would create when absent. */
function completed(binding: Binding, config: WranglerConfig, naming: Naming): BindingRequest {
  const { type, name } = binding
  const provision = (wanted: string | undefined) => ({
    provision: { name: wanted ?? resourceName(naming, name), create: naming.mayCreate },
  })
  const isIt = (each: { binding: string }) => each.binding === name
  if (type === 'r2_bucket') {
    const { bucket_name: bucket, ...rest } = binding
    return { ...rest, type, name, ...provision(String(bucket)) }
  }
  if (type === 'queue') {
    const { queue_name: queue, ...rest } = binding
    return { ...rest, type, name, ...provision(String(queue)) }
  }
  if (type !== 'inherit') return binding
  const bucket = config.r2_buckets.find(isIt)
  if (bucket !== undefined) {
    const { jurisdiction } = bucket
    const rest = jurisdiction === undefined ? {} : { jurisdiction }
    return { type: 'r2_bucket', name, ...rest, ...provision(bucket.bucket_name) }
  }
  const database = config.d1_databases.find(isIt)
  if (database !== undefined) return { type: 'd1', name, ...provision(database.database_name) }
  const producer = config.queues?.producers.find(isIt)
  if (producer !== undefined) return { type: 'queue', name, ...provision(producer.queue) }
  const namespace = config.dispatch_namespaces.find(isIt)
  if (namespace !== undefined) {
    return { type: 'dispatch_namespace', name, ...provision(namespace.namespace) }
  }
  if (config.kv_namespaces.some(isIt)) return { type: 'kv_namespace', name, ...provision(undefined) }
  return binding
}

/** The Worker may refer to itself by the name that wrangler gives it. */
function withOwnName(binding: BindingRequest, { script, wranglerName }: Naming): BindingRequest {
  const own = Object.fromEntries(
    ['service', 'script_name'].flatMap((field) => (binding[field] === wranglerName ? [[field, script]] : [])),
  )
  return { ...binding, ...own }
}
