import type { Binding } from '../../store/bindings.ts'
import type { Node } from './nodes.ts'

/** Find a script or a workflow by its name; undefined if there is none. */
export interface Find {
  script(name: string): Node | undefined
  workflow(name: string): Node | undefined
}

/**
 * The node that a binding connects its script with; undefined for a binding that works in any process. A new type of
 * binding that needs its target in the same process gets its case here.
 */
export function targetOf(binding: Binding, find: Find): Node | undefined {
  switch (binding.type) {
    case 'kv_namespace':
      return `kv:${binding.namespace_id}`
    case 'r2_bucket':
      return `r2:${binding.bucket_name}`
    case 'd1':
      return `d1:${binding.id}`
    case 'service':
      return find.script(binding.service)
    case 'durable_object_namespace':
      return binding.script_name === undefined ? undefined : find.script(binding.script_name)
    case 'workflow':
      return find.workflow(binding.workflow_name)
    default:
      return undefined
  }
}
