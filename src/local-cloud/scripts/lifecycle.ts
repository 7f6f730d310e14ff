import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type CloudContext, cacheDir, namespaceDir, storageDir } from '../context.ts'
import { ApiError } from '../errors.ts'
import { storageKeyOf } from '../runtime/workflows/names.ts'
import type { Store } from '../store/index.ts'
import type { Script } from '../store/scripts.ts'
import type { ScriptSettings } from './metadata.ts'

/** @throws ApiError 10007 if the script does not exist */
export function requireScript(cloud: CloudContext, name: string): Script {
  const script = cloud.store.scripts.find(name)
  if (script === undefined) throw new ApiError('scriptNotFound')
  return script
}

/**
 * Deletes a script and its versions. `force` is required if it has Durable Objects, whose data is deleted.
 * @throws ApiError 10007 or 10064
 */
export function deleteScript(cloud: CloudContext, name: string, force: boolean): Promise<void> {
  return cloud.locks.run(name, async () => {
    const script = requireScript(cloud, name)
    const namespaces = cloud.store.scripts.namespaces(script.id)
    const [namespace] = namespaces
    if (namespace !== undefined && !force) {
      // Cloudflare documents this error but not its code.
      const detail = `The Worker implements the class '${namespace.className}', whose Durable Objects would be deleted with it.`
      throw new ApiError('classNoLongerExported', `${detail} Repeat with ?force=true to delete them.`)
    }
    cloud.store.transaction(() => {
      cloud.store.scripts.delete(script.id)
      cloud.store.versions.dropUnusedModules()
    })
    const directories = namespaces.map(({ namespaceId }) => namespaceDir(cloud.dataDir, namespaceId))
    await cloud.pool.deleteData(script.id, [...directories, cacheDir(cloud.dataDir, script)])
  })
}

/**
 * Enables or disables the script's workers.dev address, which is `<script>.localhost` here.
 * @throws ApiError 10007 or 10063
 */
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
 * Deletes data without an owner in the database. It remains if the process ends after the commit of a deletion but
 * before the files are deleted.
 */
export async function sweepOrphanedData(dataDir: string, store: Store): Promise<void> {
  await moveOldData(dataDir)
  const tags = new Set(store.scripts.list().map((script) => script.tag))
  const namespaces = new Set([
    ...store.scripts.allNamespaces().map((namespace) => namespace.namespaceId),
    ...store.workflows.list().map(({ id }) => storageKeyOf(id)),
  ])
  const storage = storageDir(dataDir)
  for (const [folder, owners] of [['cache', tags] as const, ['do', namespaces] as const]) {
    for (const id of await entries(join(storage, folder))) {
      if (!owners.has(id)) await rm(join(storage, folder, id), { recursive: true, force: true })
    }
  }
}

/** Moves the Durable Objects of an earlier Capstan, which kept them by script. */
async function moveOldData(dataDir: string): Promise<void> {
  const old = join(dataDir, 'workers')
  for (const tag of await entries(old)) {
    const objects = join(old, tag, 'do')
    for (const id of await entries(objects)) {
      await mkdir(dirname(namespaceDir(dataDir, id)), { recursive: true })
      await rename(join(objects, id), namespaceDir(dataDir, id))
    }
  }
  await rm(old, { recursive: true, force: true })
}

/** The subdirectories with names of 32 hex digits. The local cloud created no others, so they are ignored. */
async function entries(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  return names.filter((name) => /^[0-9a-f]{32}$/.test(name))
}
