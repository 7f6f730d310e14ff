import type { CloudContext } from '../context.ts'
import type { Script } from '../store/scripts.ts'
import { namespaceView } from './views.ts'

/** What depends on a script: its custom domains, queues that it consumes, and scripts that bind it or its classes. */
export function referencesTo({ store }: CloudContext, script: Script) {
  const own = store.scripts.allNamespaces().filter(({ scriptName }) => scriptName === script.name)
  const binding = store.scripts
    .list()
    .filter(({ name }) => name !== script.name)
    .map((each) => ({ id: each.tag, name: each.name, bindings: bindingsOf(store, each) }))
  return {
    dispatch_namespace_outbounds: [],
    domains: store.zones
      .domains()
      .filter(({ scriptName }) => scriptName === script.name)
      .map(({ id, certId, hostname, zone }) => ({
        id,
        certificate_id: certId,
        hostname,
        zone_id: zone.id,
        zone_name: zone.name,
      })),
    durable_objects: binding.flatMap(({ id, name, bindings }) =>
      bindings.flatMap((each) => {
        if (each.type !== 'durable_object_namespace' || each.script_name !== script.name) return []
        const namespace = own.find(({ className }) => className === each.class_name)
        if (namespace === undefined) return []
        const { id: namespaceId, name: namespaceName } = namespaceView(namespace)
        return { namespace_id: namespaceId, namespace_name: namespaceName, worker_id: id, worker_name: name }
      }),
    ),
    queues: store.queues
      .consumers()
      .filter(({ scriptId }) => scriptId === script.id)
      .map(({ id, queueId }) => ({
        queue_consumer_id: id,
        queue_id: queueId,
        queue_name: store.queues.find(queueId)?.name ?? '',
      })),
    workers: binding
      .filter(({ bindings }) =>
        bindings.some((each) => each.type === 'service' && each.service === script.name),
      )
      .map(({ id, name }) => ({ id, name })),
  }
}

function bindingsOf({ versions }: CloudContext['store'], { id }: Script) {
  const shares = versions.serving(id)?.versions ?? []
  return shares.flatMap(({ version_id: version }) => versions.find(id, version)?.bindings ?? [])
}
