import { assetFilesDir } from '../../assets/files.ts'
import { storageDir } from '../../context.ts'
import type { Store } from '../../store/index.ts'
import type { Version } from '../../store/versions.ts'
import type { RunnableAssets } from '../options/assets.ts'
import { type Find, targetOf } from './edges.ts'
import type { Groups, GroupWorkflow, Serving } from './group.ts'
import { connected, type Node, scriptIdOf, scriptNode, storeOf } from './nodes.ts'

export function groupsOf(store: Store, dataDir: string): Groups {
  const versionsOf = (scriptId: number) => {
    const shares = store.versions.serving(scriptId)?.versions ?? []
    const found = shares.map((share) => store.versions.find(scriptId, share.version_id))
    return { shares, versions: found.filter((version) => version !== undefined) }
  }
  const exists = (node: Node) => {
    const found = storeOf(node)
    if (found === undefined) return true
    const { kind, id } = found
    if (kind === 'kv') return store.resources.namespace(id) !== undefined
    if (kind === 'r2') return store.resources.bucket(id) !== undefined
    if (kind === 'workflow') return store.workflows.find(id) !== undefined
    return store.resources.database(id) !== undefined
  }
  const edges = () => {
    const scripts = new Map(store.scripts.list().map((script) => [script.name, scriptNode(script.id)]))
    const workflows = store.workflows.list()
    const ids = new Map(workflows.map(({ name, id }) => [name, `workflow:${id}` as const]))
    const find: Find = { script: (name) => scripts.get(name), workflow: (name) => ids.get(name) }
    const owned = workflows.flatMap(({ id, scriptName }) => {
      const owner = scripts.get(scriptName)
      return owner === undefined ? [] : [[owner, `workflow:${id}`] as const]
    })
    const bound = store.scripts.list().flatMap(({ id }) =>
      versionsOf(id).versions.flatMap(({ bindings }) =>
        bindings.flatMap((binding) => {
          const target = targetOf(binding, find)
          return target === undefined || !exists(target) ? [] : [[scriptNode(id), target] as const]
        }),
      ),
    )
    return [...owned, ...bound]
  }
  const serving = (scriptId: number): Serving | undefined => {
    const script = store.scripts.byId(scriptId)
    const { shares, versions } = versionsOf(scriptId)
    if (script === undefined || versions.length === 0) return undefined
    const runnables = versions.map((version) => ({
      version,
      modules: store.versions.modules(version.id),
      assets: assetsOf(store, dataDir, version),
    }))
    const namespaces = store.scripts.namespaces(scriptId)
    return { scriptId, name: script.name, tag: script.tag, runnables, shares, namespaces }
  }
  return {
    nodesOf(node) {
      const scriptId = scriptIdOf(node)
      if (scriptId !== undefined && versionsOf(scriptId).versions.length === 0) return new Set()
      return exists(node) ? connected(node, edges()) : new Set()
    },
    load(nodes) {
      const scripts = [...nodes].flatMap((node) => {
        const scriptId = scriptIdOf(node)
        const found = scriptId === undefined ? undefined : serving(scriptId)
        return found === undefined ? [] : [found]
      })
      return {
        nodes: [...nodes],
        scripts,
        workflows: workflowsOf(store, nodes),
        storageDir: storageDir(dataDir),
      }
    },
    hasWork(scriptId) {
      const script = store.scripts.byId(scriptId)
      return script !== undefined && store.instances.hasActive(script.name)
    },
    classesOf: (scriptId) =>
      versionsOf(scriptId).versions.length === 0
        ? undefined
        : store.scripts.namespaces(scriptId).map(({ namespaceId }) => namespaceId),
  }
}

function workflowsOf(store: Store, nodes: ReadonlySet<Node>): GroupWorkflow[] {
  return store.workflows
    .list()
    .filter(({ id }) => nodes.has(`workflow:${id}`))
    .map(({ id, name, scriptName, className, settings }) => ({
      ...{ id, name, scriptName, className },
      stepLimit: settings.limits?.steps,
    }))
}

function assetsOf(store: Store, dataDir: string, { code }: Version): RunnableAssets | undefined {
  if (code.assets === undefined) return undefined
  const { manifestId, config } = code.assets
  return { directory: assetFilesDir(dataDir), files: store.assets.servedFiles(manifestId), config }
}
