import { supportedCompatibilityDate, type WorkerOptions } from 'miniflare'
import type { Namespace } from '../store/scripts.ts'
import type { Binding, Version, WorkerModule } from '../store/versions.ts'
import { appName, type HostedWorker, hosted } from './gate.ts'
import { withRejectionLog } from './logs/rejections.ts'
import { assetsName, assetWorker, type RunnableAssets, routerName, routerWorker } from './options/assets.ts'
import { queueBindings } from './options/queues.ts'

export interface Runnable {
  version: Version
  modules: WorkerModule[]
  assets?: RunnableAssets | undefined
}

type Vars = NonNullable<WorkerOptions['bindings']>

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

/** The variables of a version's environment. `identity` is the value of a version_metadata binding. */
export function varsOf(bindings: Binding[], identity: { id: string; tag: string; timestamp: string }): Vars {
  return Object.fromEntries(bindings.flatMap((binding) => varOf(binding, identity)))
}

function varOf(binding: Binding, identity: Vars[string]): [string, Vars[string]][] {
  switch (binding.type) {
    case 'plain_text':
    case 'secret_text':
      return [[binding.name, binding.text]]
    case 'json':
      return [[binding.name, binding.json as Vars[string]]]
    case 'version_metadata':
      return [[binding.name, identity]]
    case 'durable_object_namespace':
    case 'assets':
    case 'queue':
      return []
  }
}

/**
 * The Workers of one script. Two deployed versions run in the same workerd, and the newer one hosts the Durable
 * Objects of both: two processes that use the files of one object would corrupt it.
 */
export function scriptWorkers(runnables: Runnable[], namespaces: Namespace[]): HostedWorker[] {
  const newestFirst = runnables.toSorted((a, b) => b.version.number - a.version.number)
  const host = newestFirst[0]?.version.id
  return newestFirst.map((runnable) => {
    const objects = { namespaces, host: runnable.version.id === host ? undefined : host }
    return withAssets(runnable, () => codeWorker(runnable, objects))
  })
}

interface Objects {
  namespaces: Namespace[]
  /** The version that hosts the Durable Objects, unless it is this one. */
  host: string | undefined
}

function codeWorker({ version, modules, assets }: Runnable, { namespaces, host }: Objects): WorkerOptions {
  const { mainModule, compatibilityDate, compatibilityFlags } = version.code
  const tag = version.annotations['workers/tag'] ?? ''
  const bound = assets === undefined ? [] : version.bindings.filter(({ type }) => type === 'assets')
  return {
    ...codeOptions(withRejectionLog(mainFirst(modules, mainModule)), compatibilityDate, compatibilityFlags),
    name: appName(version.id),
    bindings: varsOf(version.bindings, { id: version.id, tag, timestamp: version.createdOn }),
    durableObjects: objectBindings(version.bindings, namespaces, host),
    additionalUnboundDurableObjects: host === undefined ? namespaces.map(objectOptions) : [],
    serviceBindings: {
      ...Object.fromEntries(bound.map(({ name }) => [name, assetsName(version.id)])),
      ...queueBindings(version.bindings),
    },
  }
}

/** Puts the assets of a version in front of its code; a version without code consists of its assets. */
function withAssets({ version, modules, assets }: Runnable, code: () => WorkerOptions): HostedWorker {
  if (assets === undefined) return hosted(code())
  const { compatibilityDate, compatibilityFlags } = version.code
  const serving = { versionId: version.id, assets, compatibilityDate, compatibilityFlags }
  if (modules.length === 0) return hosted(assetWorker(appName(version.id), serving))
  const helpers = [assetWorker(assetsName(version.id), serving), routerWorker(serving)]
  return { worker: code(), helpers, entry: routerName(version.id) }
}

/** Moves the main module to the front: workerd uses the first module as the entry point. */
function mainFirst(modules: WorkerModule[], mainModule: string): WorkerModule[] {
  const isMain = (module: WorkerModule) => module.name === mainModule
  return [...modules.filter(isMain), ...modules.filter((module) => !isMain(module))]
}

// The namespace id is the unique key, so that new versions and renamed classes keep the objects' data.
const objectOptions = ({ className, namespaceId, useSqlite }: Namespace) => ({
  className,
  useSQLite: useSqlite,
  unsafeUniqueKey: namespaceId,
})

function objectBindings(bindings: Binding[], namespaces: Namespace[], host: string | undefined) {
  const entries = bindings.flatMap((binding) => {
    if (binding.type !== 'durable_object_namespace') return []
    const namespace = namespaces.find((candidate) => candidate.className === binding.class_name)
    if (namespace === undefined) return []
    const where = host === undefined ? {} : { scriptName: appName(host) }
    return [[binding.name, { ...objectOptions(namespace), ...where }] as const]
  })
  return Object.fromEntries(entries)
}
