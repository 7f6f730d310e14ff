import { crc32 } from 'node:zlib'
import type { BindingRequest } from '../../../model/request/bindings.ts'
import { type Naming, resourceName, scriptOf, stagingName } from './naming.ts'

/** Types of bindings that lead to no data of production. */
const harmless = new Set([
  'ai',
  'analytics',
  'assets',
  'browser',
  'images',
  'json',
  'media',
  'plain_text',
  'send_email',
  'stream',
  'version_metadata',
  'worker_loader',
])

/**
 * The binding for a staging that has no section of its own: to a resource of its own in place of production's.
 * @returns undefined if Capstan cannot create such a resource, as for Hyperdrive
 */
export function stagingBinding(binding: BindingRequest, naming: Naming): BindingRequest | undefined {
  const { type, name } = binding
  const provision = (wanted: string) => ({ provision: { name: wanted, create: naming.mayCreate } })
  const without = (field: string) =>
    Object.fromEntries(Object.entries(binding).filter(([key]) => key !== field && key !== 'provision'))
  const counterpart = (field: string) => ({
    [field]: scriptOf(naming, String(binding[field]), false),
  })
  switch (type) {
    case 'kv_namespace':
      return { ...without('namespace_id'), type, name, ...provision(resourceName(naming, name)) }
    case 'd1':
      return { ...without('id'), type, name, ...provision(resourceName(naming, name)) }
    case 'r2_bucket':
      return { ...without('bucket_name'), type, name, ...provision(resourceName(naming, name)) }
    case 'queue':
      return { ...binding, ...provision(stagingName(binding.provision?.name ?? name)) }
    case 'dispatch_namespace': {
      const namespace = binding.provision?.name ?? String(binding.namespace)
      return { ...without('namespace'), type, name, ...provision(stagingName(namespace)) }
    }
    case 'service':
      return { ...binding, ...counterpart('service') }
    case 'durable_object_namespace':
      return { ...binding, ...(binding.script_name === undefined ? {} : counterpart('script_name')) }
    case 'workflow':
      return {
        ...binding,
        workflow_name: stagingName(String(binding.workflow_name)),
        ...(binding.script_name === undefined ? {} : counterpart('script_name')),
      }
    case 'analytics_engine':
      return { ...binding, dataset: `${String(binding.dataset)}_staging` }
    case 'ratelimit':
      // Workers with the same namespace count their requests together.
      return {
        ...binding,
        namespace_id: String(1_000_000_000 + (crc32(`${naming.script}/${name}`) % 1_000_000_000)),
      }
    default:
      return harmless.has(type) ? binding : undefined
  }
}
