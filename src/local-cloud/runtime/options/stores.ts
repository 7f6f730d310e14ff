import type { StoreNode } from '../groups/nodes.ts'
import { absentBinding } from './absent.ts'
import { byName, ofType, type Subject } from './context.ts'

/** KV namespaces, R2 buckets and D1 databases. Using a deleted one throws an error. */
export const storeBindings: Subject = (bindings, context) => {
  const usable = (node: StoreNode) => context.missingStore(node) === undefined
  const kv = ofType(bindings, 'kv_namespace').map((each) => ({ ...each, id: each.namespace_id }))
  const r2 = ofType(bindings, 'r2_bucket').map((each) => ({ ...each, id: each.bucket_name }))
  const d1 = ofType(bindings, 'd1')
  const all = [
    ...kv.map(({ name, id }) => [name, `kv:${id}`] as const),
    ...r2.map(({ name, id }) => [name, `r2:${id}`] as const),
    ...d1.map(({ name, id }) => [name, `d1:${id}`] as const),
  ]
  const missing = all.flatMap(([name, node]) => {
    const problem = context.missingStore(node)
    return problem === undefined ? [] : [[name, absentBinding(problem.sentence)] as const]
  })
  return {
    kvNamespaces: byName(
      kv.filter(({ id }) => usable(`kv:${id}`)),
      ({ id }) => id,
    ),
    r2Buckets: byName(
      r2.filter(({ id }) => usable(`r2:${id}`)),
      ({ id }) => id,
    ),
    d1Databases: byName(
      d1.filter(({ id }) => usable(`d1:${id}`)),
      ({ id }) => id,
    ),
    wrappedBindings: Object.fromEntries(missing),
  }
}

/** Rate limits. Their counters are in memory and begin anew with the process. */
export const rateLimitBindings: Subject = (bindings) => ({
  ratelimits: byName(ofType(bindings, 'ratelimit'), ({ namespace_id, simple }) => ({ namespace_id, simple })),
})
