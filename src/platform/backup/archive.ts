import { closeSync, fsyncSync, linkSync, openSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { create, extract, list } from 'tar'
import { UsageFault } from '../command-line/faults.ts'
import { StartFault } from '../supervisor/start-fault.ts'
import { type Manifest, manifest, manifestFile } from './manifest.ts'

/** Packs files and folders of `root`. The archive appears under its name when it is whole, and replaces nothing. */
export async function pack(root: string, names: string[], file: string): Promise<void> {
  const partial = `${file}.partial`
  rmSync(partial, { force: true })
  try {
    // It holds secrets: for its owner only, from its first byte on. A folder that is a link elsewhere is packed as one.
    await create(
      { cwd: root, file: partial, gzip: true, portable: true, follow: true, strict: true, mode: 0o600 },
      names,
    )
    flush(partial)
    linkSync(partial, file)
    flush(dirname(file))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw new UsageFault(`${file} exists already`)
    throw error
  } finally {
    rmSync(partial, { force: true })
  }
}

/** Reads the archive to its end, so that a damaged one is told before anything is made of it. */
export async function readManifest(file: string): Promise<Manifest> {
  const chunks: Buffer[] = []
  const notOurs = new StartFault(`${file} is no backup of Capstan, or a damaged one`)
  try {
    await list({
      file,
      strict: true,
      onReadEntry(entry) {
        if (entry.path === manifestFile) entry.on('data', (chunk: Buffer) => chunks.push(chunk))
      },
    })
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (['ENOENT', 'EACCES', 'EISDIR'].includes(code)) throw new UsageFault(`${file} can't be read (${code})`)
    throw notOurs
  }
  try {
    return manifest.parse(JSON.parse(Buffer.concat(chunks).toString()))
  } catch {
    throw notOurs
  }
}

/** Only plain files and folders: a backup has no links, devices or the like. */
export async function unpack(file: string, root: string): Promise<void> {
  await extract({
    cwd: root,
    file,
    strict: true,
    filter: (_path, entry) => 'type' in entry && ['File', 'Directory'].includes(entry.type),
  })
}

function flush(path: string): void {
  const opened = openSync(path, 'r')
  fsyncSync(opened)
  closeSync(opened)
}
