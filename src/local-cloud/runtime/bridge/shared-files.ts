import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/** The classes by which Miniflare stores each kind of data; a folder has the name of the class. */
export const storeClasses = {
  kv: 'miniflare-KVNamespaceObject',
  r2: 'miniflare-R2BucketObject',
  d1: 'miniflare-D1DatabaseObject',
} as const

/** workerd's table of alarms. It creates the table if it is missing. */
const alarms = `create table if not exists _cf_ALARM (
  actor_id TEXT PRIMARY KEY, scheduled_time INTEGER, actor_name TEXT
) WITHOUT ROWID`

/**
 * Creates the files that all workerd processes open at their start, and keeps them open. Each process has its own stores,
 * but the alarms of all stores of a kind are in one file; two processes that create or recover this file at the same time
 * fail. The stores themselves set no alarms.
 * @returns a function that closes the files
 */
export function openSharedFiles(storageDir: string): () => void {
  const open = Object.entries(storeClasses).map(([kind, name]) => {
    const directory = join(storageDir, kind, name)
    mkdirSync(directory, { recursive: true })
    const db = new DatabaseSync(join(directory, 'metadata.sqlite'))
    db.exec(`pragma journal_mode = wal; ${alarms}`)
    return db
  })
  return () => {
    for (const db of open) db.close()
  }
}
