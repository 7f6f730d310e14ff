import { createHash } from 'node:crypto'
import { conflict } from '../../platform/errors.ts'
import type { Run } from '../../platform/jobs/index.ts'
import type { Layout } from '../catalogue/layout.ts'
import type { ObjectStore } from '../object-store/index.ts'
import type { Release, ReleaseFile } from '../store/releases.ts'
import { giveBack } from './chunk-memory.ts'

/**
 * Reads every upload from the store, piece by piece, and copies what is what it claims to be to its final place. The
 * copy names the etag of what was read: a byte that changes in between makes it fail. Only here are final places
 * written; no link for writing ever leads to one.
 * @throws STATE_001 with the platform in its details for a file that is missing or another one.
 */
export async function placeFiles(
  { store, layout }: { store: ObjectStore; layout: Layout },
  { release, files }: { release: Release; files: ReleaseFile[] },
  run: Run,
): Promise<void> {
  // A run that was paused in an earlier attempt finds nothing to copy any more.
  const current = files.map(({ platform, attempt }) => layout.upload(release.id, platform, attempt))
  await removeUploads({ store, layout }, release.id, current)
  const total = files.reduce((sum, { size }) => sum + size, 0)
  let before = 0
  for (const file of files) {
    const source = layout.upload(release.id, file.platform, file.attempt)
    const name = layout.fileName(release.version, file.platform)
    const etag = await verify(store, {
      ...{ source, file, name, signal: run.signal },
      read: (bytes) => run.progress({ phase: 'verify', file: name, bytes: before + bytes, total }),
    })
    const target = layout.file(release.version, file.platform)
    if ((await store.copy({ key: source, etag }, target, run.signal)) === 'changed')
      throw bad(file, name, 'was changed while it was verified')
    before += file.size
  }
  run.progress({ phase: 'verify', bytes: total, total })
}

/** What was uploaded for a release, but for what is to be kept. */
export async function removeUploads(
  { store, layout }: { store: ObjectStore; layout: Layout },
  releaseId: string,
  keep: string[] = [],
): Promise<void> {
  for (const key of await store.list(layout.uploads(releaseId)))
    if (!keep.includes(key)) await store.remove(key)
}

interface Verification {
  source: string
  file: ReleaseFile
  name: string
  signal: AbortSignal
  /** Told every few megabytes how much was read. */
  read(bytes: number): void
}

const tellEvery = 8 * 1024 * 1024

/** @returns the etag of what was found to be good. */
async function verify(store: ObjectStore, about: Verification): Promise<string> {
  const { source, file, name, signal } = about
  const found = await store.stream(source, signal)
  if (found === undefined) throw bad(file, name, 'was not uploaded')
  const hash = createHash('sha256')
  let bytes = 0
  let told = 0
  try {
    for await (const chunk of found.body) {
      signal.throwIfAborted()
      hash.update(chunk)
      bytes += chunk.length
      giveBack(chunk)
      if (bytes > file.size) break
      if (bytes - told >= tellEvery) {
        told = bytes
        about.read(bytes)
      }
    }
  } finally {
    found.body.destroy()
  }
  if (bytes !== file.size) throw bad(file, name, 'has another size than was declared')
  if (hash.digest('hex') !== file.sha256) throw bad(file, name, 'has another SHA-256 than was declared')
  about.read(bytes)
  return found.etag
}

const bad = ({ platform }: ReleaseFile, name: string, what: string) =>
  conflict(`${name} ${what}`, { platform }, { suggestedAction: 'Upload the file again, then publish' })
