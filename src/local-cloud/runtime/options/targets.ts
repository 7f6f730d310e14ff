import type { Namespace } from '../../store/scripts.ts'
import { appName } from '../gate.ts'
import { type Group, leadOf, type Runnable, type Serving } from '../groups/group.ts'
import { wrapperName } from '../workflows/names.ts'
import { assetsName, routerName } from './assets.ts'
import type { BindingContext, Missing, ObjectTarget, ServiceTarget } from './context.ts'

/** The namespace id is the unique key, so that new versions and renamed classes keep the objects' data. */
export const objectOptions = ({ className, namespaceId, useSqlite }: Namespace) => ({
  className,
  useSQLite: useSqlite,
  unsafeUniqueKey: namespaceId,
})

/** Finds what the bindings of a deployed version refer to, among the scripts of its group. */
export function contextOf(
  group: Group,
  script: Serving,
  { version, assets }: Runnable,
  marker: string,
): BindingContext {
  const tag = version.annotations['workers/tag'] ?? ''
  const scriptOf = (name: string) => group.scripts.find((each) => each.name === name)
  return {
    script: script.name,
    identity: { id: version.id, tag, timestamp: version.createdOn },
    marker,
    assets: assets && assetsName(version.id),
    missingStore: (node) =>
      group.nodes.includes(node) ? undefined : { sentence: `The store ${node} was deleted.` },
    objects({ class_name: className, script_name: name = script.name }): ObjectTarget | Missing {
      const owner = scriptOf(name)
      const namespace = owner?.namespaces.find((each) => each.className === className)
      const host = owner && leadOf(owner)?.version.id
      if (namespace === undefined || host === undefined)
        return { sentence: `The Worker ${name} does not implement the Durable Object class ${className}.` }
      const where = host === version.id ? {} : { scriptName: appName(host) }
      return { ...objectOptions(namespace), ...where }
    },
    workflow({ workflow_name: name }) {
      const found = group.workflows.find((each) => each.name === name)
      return found === undefined
        ? { sentence: `The workflow ${name} does not exist.` }
        : { name: wrapperName(found.id) }
    },
    service({ service, entrypoint }): ServiceTarget | Missing {
      const owner = scriptOf(service)
      const self = script.runnables.find((each) => each.version === version)
      const target = service === script.name ? self : owner && leadOf(owner)
      if (target === undefined) return { sentence: `The Worker ${service} is not deployed.` }
      const { id, code } = target.version
      // As on Cloudflare, requests through a binding get the Worker's assets, too.
      const isRouted = target.assets !== undefined && target.modules.length > 0
      if (entrypoint === undefined || entrypoint === 'default')
        return { name: isRouted ? routerName(id) : appName(id) }
      if (code.namedHandlers.some(({ name }) => name === entrypoint)) return { name: appName(id), entrypoint }
      return { sentence: `The Worker ${service} has no entrypoint ${entrypoint}.` }
    },
  }
}
