import { createHash } from 'node:crypto'
import { conflict } from '../../platform/errors.ts'
import type { Run } from '../../platform/jobs/index.ts'
import type { Layout } from '../catalogue/layout.ts'
import type { ObjectStore } from '../object-store/index.ts'
import type { Release, ReleaseFile } from '../store/releases.ts'
import { releaseMemory } from './chunk-memory.ts'

/**
 * Streams every upload from the store and copies it to its final key if size and SHA-256 match the declaration. The
 * copy is conditional on the etag that was read, so it fails if a byte changes in between. Only this function writes
 * final keys; no upload link points to one.
 * @throws STATE_001 with the platform in its details if a file is missing or differs from its declaration
 */
export async function placeFiles(
  { store, layout }: { store: ObjectStore; layout: Layout },
  { release, files }: { release: Release; files: ReleaseFile[] },
  run: Run,
): Promise<void> {
  // Earlier attempts' uploads are removed, so a paused run of an earlier attempt finds nothing to copy.
  const current = files.map(({ platform, attempt }) => layout.upload(release.id, platform, attempt))
  await removeUploads({ store, layout }, release.id, current)
  const total = files.reduce((sum, { size }) => sum + size, 0)
  let before = 0
  for (const file of files) {
    const source = layout.upload(release.id, file.platform, file.attempt)
    const name = layout.fileName(release.version, file.platform)
    const etag = await verify(store, {
      source,
      file,
      name,
      signal: run.signal,
      onRead: (bytes) => run.progress({ phase: 'verify', file: name, bytes: before + bytes, total }),
    })
    const target = layout.file(release.version, file.platform)
    if ((await store.copy({ key: source, etag }, target, run.signal)) === 'changed')
      throw invalidFile(file, name, 'was changed during verification')
    before += file.size
  }
  run.progress({ phase: 'verify', bytes: total, total })
}

/** Removes the uploads of a release, except the keys to keep. */
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
  /** Called every few megabytes with the bytes read so far. */
  onRead(bytes: number): void
}

const progressInterval = 8 * 1024 * 1024

/** @returns the etag of the verified object. @throws STATE_001 if it is missing or differs from its declaration */
async function verify(store: ObjectStore, verification: Verification): Promise<string> {
  const { source, file, name, signal } = verification
  const found = await store.stream(source, signal)
  if (found === undefined) throw invalidFile(file, name, 'was not uploaded')
  const hash = createHash('sha256')
  let bytes = 0
  let reported = 0
  try {
    for await (const chunk of found.body) {
      signal.throwIfAborted()
      hash.update(chunk)
      bytes += chunk.length
      releaseMemory(chunk)
      if (bytes > file.size) break
      if (bytes - reported >= progressInterval) {
        reported = bytes
        verification.onRead(bytes)
      }
    }
  } finally {
    found.body.destroy()
  }
  if (bytes !== file.size) throw invalidFile(file, name, 'differs in size from its declaration')
  if (hash.digest('hex') !== file.sha256)
    throw invalidFile(file, name, 'differs in SHA-256 from its declaration')
  verification.onRead(bytes)
  return found.etag
}

const invalidFile = ({ platform }: ReleaseFile, name: string, problem: string) =>
  conflict(`${name} ${problem}`, { platform }, { suggestedAction: 'Upload the file again, then publish' })
