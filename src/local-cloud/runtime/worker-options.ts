import { supportedCompatibilityDate, type WorkerOptions } from 'miniflare'
import type { WorkerModule } from '../store/versions.ts'
import { bridgeWorkers } from './bridge/bridge.ts'
import { appName, type HostedWorker, hosted } from './gate.ts'
import { type Group, leadOf, type Runnable, type Serving } from './groups/group.ts'
import { withConsole } from './logs/console.ts'
import { prefixOf } from './logs/lines.ts'
import { assetsName, assetWorker, routerName, routerWorker } from './options/assets.ts'
import { envOptions, helperWorkers } from './options/env.ts'
import type { CloudAddress } from './options/queues.ts'
import { contextOf, objectOptions } from './options/targets.ts'
import { traceName, traceWorker } from './options/traces.ts'
import { engineWorkers } from './workflows/engine.ts'

/** The options common to all Workers: modules and compatibility settings. Module names are paths below `/`. */
export function codeOptions(modules: WorkerModule[], date: string, flags: string[]): WorkerOptions {
  return {
    modulesRoot: '/',
    modules: modules.map(({ name, type, content }) => ({
      path: `/${name}`,
      type,
      contents:
        type === 'CompiledWasm' || type === 'Data' ? new Uint8Array(content) : content.toString('utf8'),
    })),
    // workerd rejects a date later than its own, so a later date is replaced: both mean workerd's newest behaviour.
    compatibilityDate: date < supportedCompatibilityDate ? date : supportedCompatibilityDate,
    compatibilityFlags: flags,
  }
}

export interface GroupWorkers {
  /** The deployed versions, by their ids. */
  workers: HostedWorker[]
  /** Workers that only bindings reach. */
  helpers: WorkerOptions[]
}

/** The Workers of one group. `marker` begins the lines that Capstan's code inside workerd writes. */
export function groupWorkers(
  group: Group,
  { marker, cloud }: { marker: string; cloud: CloudAddress | undefined },
): GroupWorkers {
  const workers = group.scripts.flatMap((script) =>
    script.runnables
      .toSorted((a, b) => b.version.number - a.version.number)
      .map((runnable) => withAssets(runnable, () => codeWorker(group, script, runnable, marker)))
      .map((hosted) => (cloud === undefined ? hosted : tailedBy(traceName(script.name), hosted))),
  )
  const bindings = group.scripts.flatMap(({ runnables }) =>
    runnables.flatMap(({ version }) => version.bindings),
  )
  const helpers = helperWorkers(
    workers.map(({ worker }) => worker),
    bindings,
    { cloud, workflows: group.workflows },
  )
  const engines = cloud === undefined ? [] : engineWorkers(group, cloud)
  const traces = cloud === undefined ? [] : group.scripts.map(({ name }) => traceWorker(name, cloud))
  return {
    workers: [...workers, ...bridgeWorkers(group.nodes)],
    helpers: [...helpers, ...engines, ...traces],
  }
}

const tailedBy = (tail: string, hosted: HostedWorker): HostedWorker => ({
  ...hosted,
  worker: { ...hosted.worker, tails: [tail] },
})

/**
 * The Worker of a version's code. Two deployed versions of a script run in the same workerd, and one of them hosts the
 * Durable Objects of both: two processes that use the files of one object would corrupt it.
 */
function codeWorker(group: Group, script: Serving, runnable: Runnable, marker: string): WorkerOptions {
  const { version, modules } = runnable
  const { mainModule, compatibilityDate, compatibilityFlags } = version.code
  const isHost = version.id === leadOf(script)?.version.id
  // A Worker that is alone in its process needs no marks: all lines are its own.
  const prefix = group.scripts.length > 1 ? prefixOf(marker, 'line', version.id) : undefined
  const code = withConsole(mainFirst(modules, mainModule), prefix)
  return {
    ...codeOptions(code, compatibilityDate, compatibilityFlags),
    ...envOptions(version.bindings, contextOf(group, script, runnable, marker)),
    name: appName(version.id),
    additionalUnboundDurableObjects: isHost ? script.namespaces.map(objectOptions) : [],
  }
}

/** Puts the assets of a version in front of its code; a version without code consists of its assets. */
function withAssets({ version, modules, assets }: Runnable, code: () => WorkerOptions): HostedWorker {
  const { id } = version
  if (assets === undefined) return hosted(id, code())
  const { compatibilityDate, compatibilityFlags } = version.code
  const serving = { versionId: id, assets, compatibilityDate, compatibilityFlags }
  if (modules.length === 0) return hosted(id, assetWorker(appName(id), serving))
  const helpers = [assetWorker(assetsName(id), serving), routerWorker(serving)]
  return { id, worker: code(), helpers, entry: routerName(id) }
}

/** Moves the main module to the front: workerd uses the first module as the entry point. */
function mainFirst(modules: WorkerModule[], mainModule: string): WorkerModule[] {
  const isMain = (module: WorkerModule) => module.name === mainModule
  return [...modules.filter(isMain), ...modules.filter((module) => !isMain(module))]
}
