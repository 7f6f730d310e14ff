import { join } from 'node:path'
import type { KeyedLock } from './keyed-lock.ts'
import type { ImageRegistry, LocalCloudLog } from './options.ts'
import type { UploadLinks } from './resources/upload-links.ts'
import type { WorkerLogs } from './runtime/logs/worker-logs.ts'
import type { Pool } from './runtime/pool.ts'
import type { Store } from './store/index.ts'
import type { Script } from './store/scripts.ts'
import type { Tails } from './tails/tails.ts'
import type { WorkerRuntime } from './worker-runtime.ts'

/** The parts of a running cloud that its operations share. */
export interface CloudContext {
  accountId: string
  dataDir: string
  store: Store
  pool: Pool
  runtime: WorkerRuntime
  logs: WorkerLogs
  tails: Tails
  /** Delivers messages of queues; `wake` is called after every change of a queue. */
  broker: { wake(queueId: string): void }
  /** The files that clients may upload for imports into D1 databases. */
  uploadLinks: UploadLinks
  /** The credential with which Workers of Capstan's own call the cloud. */
  internalSecret: string
  /** Serializes the mutating calls for each script name. */
  locks: KeyedLock<string>
  log: LocalCloudLog
  /** The current time in milliseconds since the epoch, like `Date.now`. */
  clock: () => number
  /** The registry of the container images, if one is configured. */
  images: ImageRegistry | undefined
}

/** The directory of all stored data: `do/<namespace id>/` contains the Durable Objects of one class. */
export const storageDir = (dataDir: string): string => join(dataDir, 'storage')

export const namespaceDir = (dataDir: string, namespaceId: string): string =>
  join(storageDir(dataDir), 'do', namespaceId)

/** The directory of the cache of the process in which the script is the first one. */
export const cacheDir = (dataDir: string, { tag }: Script): string => join(storageDir(dataDir), 'cache', tag)

/** The directory of files that are imported into D1 databases or were exported from them. */
export const transfersDir = (dataDir: string): string => join(dataDir, 'd1-transfers')

/** The directory of the copies of a D1 database. */
export const bookmarksDir = (dataDir: string, databaseId: string): string =>
  join(storageDir(dataDir), 'd1-bookmarks', databaseId)
