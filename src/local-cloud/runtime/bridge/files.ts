import { createHash, createHmac } from 'node:crypto'
import { join } from 'node:path'
import type { DataKind } from '../groups/nodes.ts'
import { storeClasses } from './shared-files.ts'

/** The id of the Durable Object in which Miniflare keeps a store: workerd derives it from the class and the name. */
function objectId(uniqueKey: string, name: string): string {
  const key = createHash('sha256').update(uniqueKey).digest()
  const hmac = (data: string | Buffer) => createHmac('sha256', key).update(data).digest().subarray(0, 16)
  const nameHash = hmac(name)
  return Buffer.concat([nameHash, hmac(nameHash)]).toString('hex')
}

/** The SQLite file of a store. Beside it are files with the endings `-wal` and `-shm`. */
export function storeFile(storageDir: string, kind: DataKind, id: string): string {
  return join(storageDir, kind, storeClasses[kind], `${objectId(storeClasses[kind], id)}.sqlite`)
}

/** All files and folders of a store. The folder contains large values. */
export function storePaths(storageDir: string, kind: DataKind, id: string): string[] {
  const file = storeFile(storageDir, kind, id)
  return [file, `${file}-wal`, `${file}-shm`, join(storageDir, kind, id)]
}
