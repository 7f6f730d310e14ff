import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type CloudContext, scriptDir, workersDir } from '../context.ts'
import { ApiError } from '../errors.ts'
import type { Store } from '../store/index.ts'
import type { Script } from '../store/scripts.ts'
import type { ScriptSettings } from './metadata.ts'

/** Throws ApiError 10007 for a script that does not exist. */
export function requireScript(cloud: CloudContext, name: string): Script {
  const script = cloud.store.scripts.find(name)
  if (script === undefined) throw new ApiError('scriptNotFound')
  return script
}

/** Deletes a script with all of its versions; with its Durable Objects and their data only when forced. */
export function deleteScript(cloud: CloudContext, name: string, force: boolean): Promise<void> {
  return cloud.locks.run(name, async () => {
    const script = requireScript(cloud, name)
    const [owned] = cloud.store.scripts.namespaces(script.id)
    if (owned !== undefined && !force) {
      // That it is refused is documented, its code is not.
      const detail = `The Worker implements the class '${owned.className}', whose Durable Objects would go with it.`
      throw new ApiError('classNoLongerExported', `${detail} Repeat with ?force=true to delete them, too.`)
    }
    cloud.store.transaction(() => {
      cloud.store.scripts.delete(script.id)
      cloud.store.versions.dropUnusedModules()
    })
    await cloud.pool.deleteData(script.id, [scriptDir(cloud.dataDir, script)])
  })
}

/** Opens or closes the script's workers.dev address; here `<script>.localhost`. */
export async function setPublished(
  cloud: CloudContext,
  name: string,
  wanted: { enabled: boolean; previews?: boolean | undefined },
): Promise<Script> {
  return cloud.locks.run(name, async () => {
    const script = requireScript(cloud, name)
    if (wanted.enabled && cloud.store.scripts.account(cloud.accountId).subdomain === null) {
      throw new ApiError('noSubdomain')
    }
    cloud.store.scripts.setPublished(script.id, wanted.enabled, wanted.previews ?? wanted.enabled)
    return requireScript(cloud, name)
  })
}

export async function patchSettings(
  cloud: CloudContext,
  name: string,
  patch: ScriptSettings,
): Promise<Script> {
  return cloud.locks.run(name, async () => {
    const script = requireScript(cloud, name)
    cloud.store.scripts.setSettings(script.id, { ...script.settings, ...patch })
    return requireScript(cloud, name)
  })
}

/**
 * Deletes data whose owner is gone from the state: a process that died between the commit of a deletion and the
 * deletion of the files left it behind.
 */
export async function sweepOrphanedData(dataDir: string, store: Store): Promise<void> {
  const tags = new Set(store.scripts.list().map((script) => script.tag))
  const namespaces = new Set(store.scripts.allNamespaces().map((namespace) => namespace.namespaceId))
  for (const tag of await entries(workersDir(dataDir))) {
    const directory = join(workersDir(dataDir), tag)
    if (!tags.has(tag)) await rm(directory, { recursive: true, force: true })
    for (const id of await entries(join(directory, 'do'))) {
      if (!namespaces.has(id)) await rm(join(directory, 'do', id), { recursive: true, force: true })
    }
  }
}

/** Directories of ours are named by 32 hex digits; others are left alone. */
async function entries(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  return names.filter((name) => /^[0-9a-f]{32}$/.test(name))
}
