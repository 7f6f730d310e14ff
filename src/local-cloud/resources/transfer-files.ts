import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type CloudContext, transfersDir } from '../context.ts'

/** Files are kept as long as Cloudflare's links are valid. In milliseconds. */
export const keptMs = 3_600_000
const sweepMs = 600_000

type Context = Pick<CloudContext, 'dataDir' | 'clock' | 'log'>

/** True if the file exists and is not too old; a file that is too old is deleted. */
export async function isKept({ clock }: Pick<CloudContext, 'clock'>, path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) return false
  if (found.mtimeMs >= clock() - keptMs) return true
  await rm(path, { force: true })
  return false
}

/** Deletes the files whose links are not valid any more. Creates the directory if it is missing. */
export async function deleteOldFiles(cloud: Omit<Context, 'log'>): Promise<void> {
  const directory = transfersDir(cloud.dataDir)
  await mkdir(directory, { recursive: true, mode: 0o700 })
  for (const name of await readdir(directory)) await isKept(cloud, join(directory, name))
}

/** Deletes old files now and every ten minutes. @returns a function that ends this */
export async function sweepTransfers(cloud: Context): Promise<() => void> {
  await deleteOldFiles(cloud)
  const failed = (error: unknown) =>
    cloud.log.warn({ err: error }, 'Could not delete old files of D1 imports and exports')
  const timer = setInterval(() => void deleteOldFiles(cloud).catch(failed), sweepMs).unref()
  return () => clearInterval(timer)
}
