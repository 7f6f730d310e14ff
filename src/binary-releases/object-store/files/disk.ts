import { constants, copyFile, link, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errorCode } from '../../../platform/thrown.ts'
import { type ObjectHead, StoreUnreachable } from '../index.ts'

/**
 * Copies the joined data to a separate, durable file: a request that still sends a part has the original open and would
 * write into the placed object. @returns false if the data does not exist
 */
export async function copiedTo(draft: string, data: string): Promise<boolean> {
  const copied = await orMissing(copyFile(data, draft, constants.COPYFILE_FICLONE).then(() => true))
  if (copied === undefined) return false
  const file = await open(draft, 'r+')
  await file.sync().finally(() => file.close())
  return true
}

/** Moves a finished draft to its target and makes that durable. @returns false if `mustBeFree` and the target exists */
export async function place(draft: string, target: string, mustBeFree: boolean): Promise<boolean> {
  await ensureFolder(dirname(target))
  if (mustBeFree) {
    const free = await link(draft, target).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'EEXIST') return false
        throw error
      },
    )
    await rm(draft, { force: true })
    if (!free) return false
  } else {
    await rename(draft, target)
  }
  const folder = await open(dirname(target))
  await folder.sync().finally(() => folder.close())
  return true
}

/** Creates the folder if needed. @returns its path */
export async function ensureFolder(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch(unreachable)
  return folder
}

/** Refuses a key that leads out of the folder. Keys come from our own layout, so this is the last line of defence. */
export function safeKey(key: string): string {
  const segments = key.split('/')
  if (segments.every((each) => /^[A-Za-z0-9_+-][A-Za-z0-9._+-]*$/.test(each))) return key
  throw new Error('not a key of this store')
}

/** The head of the file; undefined if there is none. */
export async function headOf(path: string): Promise<ObjectHead | undefined> {
  const found = await orMissing(stat(path, { bigint: true }))
  return found?.isFile() ? asHead(found) : undefined
}

/** An etag from file attributes: every write creates a new file, so it changes without reading the content. */
export function asHead(found: { size: bigint; mtimeNs: bigint; ino: bigint }): ObjectHead {
  return { size: Number(found.size), etag: `"${found.size}-${found.mtimeNs}-${found.ino}"` }
}

/** The result of the work; undefined if the file or its folder does not exist. */
export async function orMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    const code = errorCode(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    return unreachable(error)
  }
}

/** @throws StoreUnreachable in place of an error of the file system */
export function unreachable(error: unknown): never {
  if (error instanceof StoreUnreachable) throw error
  const code = errorCode(error) ?? 'failed'
  throw new StoreUnreachable(`cannot access the folder of the release store: ${code}`, { cause: error })
}
