import { randomBytes } from 'node:crypto'
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Store } from '../store/index.ts'

/** The directory of the assets' contents: one file for each hash, shared by all versions of all scripts. */
export const assetFilesDir = (dataDir: string): string => join(dataDir, 'assets')

/** Each write waits for the disk, so several run at once. */
const concurrentWrites = 16

/** Writes the contents of assets. They are complete on disk when the promise resolves, and never visible in part. */
export async function writeAssetFiles(
  dataDir: string,
  files: { hash: string; content: Uint8Array }[],
): Promise<void> {
  const directory = assetFilesDir(dataDir)
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const waiting = files.values()
  const writeAll = async () => {
    for (const { hash, content } of waiting) await writeAssetFile(directory, hash, content)
  }
  await Promise.all(Array.from({ length: concurrentWrites }, writeAll))
}

async function writeAssetFile(directory: string, hash: string, content: Uint8Array): Promise<void> {
  const temporary = join(directory, `.${hash}-${randomBytes(6).toString('hex')}`)
  try {
    const file = await open(temporary, 'wx', 0o600)
    try {
      await file.writeFile(content)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, join(directory, hash))
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/** Keeps manifests and files that no version uses for a day: their upload may still be in progress. */
const unusedMs = 86_400_000

/** Deletes unused assets, and files without a row, which a crash during a write or a deletion left behind. */
export async function sweepAssets(dataDir: string, store: Store, now: number): Promise<void> {
  store.transaction(() => store.assets.prune(now - unusedMs))
  const kept = store.assets.hashes()
  const directory = assetFilesDir(dataDir)
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  for (const name of names) if (!kept.has(name)) await rm(join(directory, name), { force: true })
}
