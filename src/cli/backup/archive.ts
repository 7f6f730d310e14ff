import { closeSync, fsyncSync, linkSync, openSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { create, extract, list } from 'tar'
import { StartFault } from '../../platform/process/start-fault.ts'
import { errorCode } from '../../platform/thrown.ts'
import { UsageFault } from '../faults.ts'
import { isKept, type Manifest, manifest, manifestFile } from './manifest.ts'

/** A hard-linked file is packed twice: a backup contains no links, and a restore refuses them. */
class NoLinks extends Map<never, never> {
  override set(): this {
    return this
  }
}

/** Packs files and folders of `root`. The archive gets its name when it is complete, and never replaces a file. */
export async function pack(root: string, names: string[], file: string): Promise<void> {
  const partial = `${file}.partial`
  const linkCache = new NoLinks()
  rmSync(partial, { force: true })
  try {
    // The archive contains secrets, so only its owner may read it. A folder that is a symbolic link is packed as a folder.
    await create(
      {
        cwd: root,
        file: partial,
        gzip: true,
        portable: true,
        follow: true,
        strict: true,
        mode: 0o600,
        linkCache,
      },
      names,
    )
    flush(partial)
    linkSync(partial, file)
    flush(dirname(file))
  } catch (error) {
    if (errorCode(error) === 'EEXIST') throw new UsageFault(`${file} exists already`)
    throw error
  } finally {
    rmSync(partial, { force: true })
  }
}

/** Reads the whole archive, so that a damaged one is reported before anything is restored. */
export async function readManifest(file: string): Promise<Manifest> {
  const chunks: Buffer[] = []
  const notOurs = new StartFault(`${file} is no backup of Capstan, or a damaged one`)
  let foreign = false
  try {
    await list({
      file,
      strict: true,
      onReadEntry(entry) {
        if (!isOurs(entry)) foreign = true
        if (entry.path === manifestFile) entry.on('data', (chunk: Buffer) => chunks.push(chunk))
      },
    })
  } catch (error) {
    const code = errorCode(error) ?? ''
    if (['ENOENT', 'EACCES', 'EISDIR'].includes(code)) throw new UsageFault(`Cannot read ${file} (${code})`)
    throw notOurs
  }
  if (foreign) throw notOurs
  try {
    return manifest.parse(JSON.parse(Buffer.concat(chunks).toString()))
  } catch {
    throw notOurs
  }
}

/**
 * True for plain files and folders that a backup contains. Anything else would be used by the next start (server settings,
 * a lock), or would lie outside the folder.
 */
function isOurs({ path, type }: { path: string; type: string }): boolean {
  const parts = path.replace(/\/$/, '').split('/')
  if (parts.some((part) => part === '' || part === '.' || part === '..')) return false
  return ['File', 'Directory'].includes(type) && isKept(parts[0] ?? '')
}

/** Extracts an archive that `readManifest` has checked. Files belong to the current user. */
export async function unpack(file: string, root: string): Promise<void> {
  await extract({
    cwd: root,
    file,
    strict: true,
    preserveOwner: false,
    filter: (_path, entry) => 'type' in entry && isOurs({ path: entry.path, type: entry.type }),
  })
}

function flush(path: string): void {
  const opened = openSync(path, 'r')
  fsyncSync(opened)
  closeSync(opened)
}
