import { closeSync, fsyncSync, linkSync, openSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { create, extract, list } from 'tar'
import { StartFault } from '../../platform/process/start-fault.ts'
import { errorCode } from '../../platform/thrown.ts'
import { UsageFault } from '../faults.ts'
import { isKept, type Manifest, manifest, manifestFile } from './manifest.ts'

/** A file that has two names is packed twice: a backup has no links, and restoring refuses them. */
class NoLinks extends Map<never, never> {
  override set(): this {
    return this
  }
}

/** Packs files and folders of `root`. The archive appears under its name when it is whole, and replaces nothing. */
export async function pack(root: string, names: string[], file: string): Promise<void> {
  const partial = `${file}.partial`
  const linkCache = new NoLinks()
  rmSync(partial, { force: true })
  try {
    // It holds secrets: for its owner only, from its first byte on. A folder that is a link elsewhere is packed as one.
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

/** Reads the archive to its end, so that a damaged one is told before anything is made of it. */
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
    if (['ENOENT', 'EACCES', 'EISDIR'].includes(code)) throw new UsageFault(`${file} can't be read (${code})`)
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
 * Only plain files and folders, below what a backup keeps: what else an archive holds would be found by the next start
 * as if it were its own (settings of a server, a lock), or lie elsewhere.
 */
function isOurs({ path, type }: { path: string; type: string }): boolean {
  const parts = path.replace(/\/$/, '').split('/')
  if (parts.some((part) => part === '' || part === '.' || part === '..')) return false
  return ['File', 'Directory'].includes(type) && isKept(parts[0] ?? '')
}

/** The archive was read by `readManifest`: it holds what a backup holds. Nobody becomes another user's. */
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
