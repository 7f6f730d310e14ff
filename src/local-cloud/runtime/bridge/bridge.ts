import { supportedCompatibilityDate } from 'miniflare'
import { appName, type HostedWorker, hosted } from '../gate.ts'
import { type Node, storeOf } from '../groups/nodes.ts'
import { engineName } from '../workflows/names.ts'
import { bridgeScript } from './script.ts'

/** The id of the bridge among the Workers of a group. No version has it: their ids are UUIDs. */
export const bridgeId = 'bridge'

/** The Worker through which the API reads and writes the stores of a group; none for a group without stores. */
export function bridgeWorkers(nodes: readonly Node[]): HostedWorker[] {
  const stores = nodes.flatMap((node) => storeOf(node) ?? [])
  if (stores.length === 0) return []
  const named = (kind: string) =>
    Object.fromEntries(stores.filter((store) => store.kind === kind).map(({ id }) => [`${kind}:${id}`, id]))
  const options = {
    name: appName(bridgeId),
    modules: true as const,
    script: bridgeScript,
    compatibilityDate: supportedCompatibilityDate,
    kvNamespaces: named('kv'),
    r2Buckets: named('r2'),
    d1Databases: named('d1'),
    serviceBindings: Object.fromEntries(
      stores.flatMap(({ kind, id }) =>
        kind === 'workflow' ? [[`workflow:${id}`, { name: engineName(id), entrypoint: 'Control' }]] : [],
      ),
    ),
  }
  return [hosted(bridgeId, options)]
}
