import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { backup, DatabaseSync } from 'node:sqlite'
import { bookmarksDir, type CloudContext, storageDir } from '../context.ts'
import { ApiError } from '../errors.ts'
import { storeFile } from '../runtime/bridge/files.ts'
import type { Bookmark } from '../store/resources.ts'
import { sizeOf } from './d1.ts'

/** Older copies of a database are deleted. Cloudflare keeps 30 days. */
const maxBookmarks = 50

const copyOf = (cloud: CloudContext, id: string, bookmark: string) =>
  join(bookmarksDir(cloud.dataDir, id), `${bookmark}.sqlite`)

/**
 * A bookmark of a database as it is now, or as it was at a time. A bookmark is a copy of the database, made when the
 * bookmark is asked for; a bookmark of an unchanged database is that of its last copy.
 * @throws ApiError 7400 if there is no copy of that time or earlier
 */
export async function bookmarkOf(cloud: CloudContext, id: string, timestamp?: string): Promise<string> {
  return timestamp === undefined ? await makeCopy(cloud, id) : earlier(cloud, id, timestamp).bookmark
}

function earlier(cloud: CloudContext, id: string, timestamp: string): Bookmark {
  const at = /^\d+$/.test(timestamp) ? Number(timestamp) * 1000 : Date.parse(timestamp)
  if (Number.isNaN(at)) throw new ApiError('invalidDatabase', 'The timestamp is not valid.')
  const found = cloud.store.resources.bookmarks(id).find(({ createdOn }) => Date.parse(createdOn) <= at)
  if (found !== undefined) return found
  const only = 'the local cloud can restore only states for which a bookmark was asked'
  throw new ApiError('invalidDatabase', `There is no copy of that time or earlier: ${only}.`)
}

async function makeCopy(cloud: CloudContext, id: string): Promise<string> {
  const { resources } = cloud.store
  await mkdir(bookmarksDir(cloud.dataDir, id), { recursive: true })
  const file = storeFile(storageDir(cloud.dataDir), 'd1', id)
  // A query creates the file of a database that was never used. It also counts as a change of the file.
  if (!existsSync(file)) await sizeOf(cloud, id)
  const draft = join(bookmarksDir(cloud.dataDir, id), `draft-${randomBytes(8).toString('hex')}`)
  const source = new DatabaseSync(file, { readOnly: true })
  try {
    await backup(source, draft)
  } finally {
    source.close()
  }
  const [latest] = resources.bookmarks(id)
  if (latest !== undefined && (await sameContents(draft, copyOf(cloud, id, latest.bookmark)))) {
    await rm(draft)
    return latest.bookmark
  }
  const bookmark = newBookmark(resources.bookmarks(id).length)
  await rename(draft, copyOf(cloud, id, bookmark))
  resources.addBookmark(id, { bookmark, createdOn: new Date().toISOString() })
  for (const old of resources.bookmarks(id).slice(maxBookmarks)) {
    resources.deleteBookmark(old.bookmark)
    await rm(copyOf(cloud, id, old.bookmark), { force: true })
  }
  return bookmark
}

/** A bookmark in Cloudflare's format. */
function newBookmark(count: number): string {
  const hex = (value: number) => value.toString(16).padStart(8, '0')
  const now = Math.floor(Date.now() / 1000)
  return `${hex(count + 1)}-${hex(0)}-${hex(now)}-${randomBytes(16).toString('hex')}`
}

/** True if two copies have the same contents. */
async function sameContents(one: string, other: string): Promise<boolean> {
  const digest = async (file: string) => {
    const bytes = await readFile(file)
    // SQLite counts the writes of a file in its header.
    bytes.fill(0, 24, 28).fill(0, 92, 96)
    return createHash('sha256').update(bytes).digest('hex')
  }
  try {
    return (await digest(one)) === (await digest(other))
  } catch {
    return false
  }
}

/**
 * Replaces a database with the copy of a bookmark. Running queries are cancelled, as on Cloudflare.
 * @throws ApiError 7400 without a bookmark of this database
 */
export async function restore(
  cloud: CloudContext,
  id: string,
  target: { bookmark?: string | undefined; timestamp?: string | undefined },
): Promise<{ bookmark: string; previous_bookmark: string; message: string }> {
  const { resources } = cloud.store
  const wanted = target.bookmark ?? (target.timestamp && earlier(cloud, id, target.timestamp).bookmark)
  const found = resources.bookmarks(id).find(({ bookmark }) => bookmark === wanted)
  if (found === undefined) throw new ApiError('invalidDatabase', 'The bookmark is not one of this database.')
  const previous = await makeCopy(cloud, id)
  const file = storeFile(storageDir(cloud.dataDir), 'd1', id)
  await cloud.pool.exclusively(`d1:${id}`, async () => {
    const draft = `${file}-restored`
    await copyFile(copyOf(cloud, id, found.bookmark), draft)
    // This empties the old log, which SQLite would otherwise apply to the restored file.
    const old = new DatabaseSync(file)
    old.exec('pragma wal_checkpoint(truncate)')
    old.close()
    await rename(draft, file)
  })
  return {
    bookmark: found.bookmark,
    previous_bookmark: previous,
    message: `Restored database ${id} to bookmark ${found.bookmark}.`,
  }
}
