import { join } from 'node:path'
import type { KeyedLock } from './keyed-lock.ts'
import type { ImageRegistry, LocalCloudLog } from './options.ts'
import type { WorkerLogs } from './runtime/logs/worker-logs.ts'
import type { Pool } from './runtime/pool.ts'
import type { Store } from './store/index.ts'
import type { Script } from './store/scripts.ts'
import type { WorkerRuntime } from './worker-runtime.ts'

/** What the verbs of a running cloud share. */
export interface CloudContext {
  accountId: string
  dataDir: string
  store: Store
  pool: Pool
  runtime: WorkerRuntime
  logs: WorkerLogs
  /** One mutating call per script name at a time. */
  locks: KeyedLock<string>
  log: LocalCloudLog
  /** Milliseconds, as `Date.now`. */
  clock: () => number
  /** Where the images of containers are, if anywhere. */
  images: ImageRegistry | undefined
}

/** Where the Workers' own data lies: `<tag>/do/<namespace id>/` holds the objects of one class. */
export const workersDir = (dataDir: string): string => join(dataDir, 'workers')

export const scriptDir = (dataDir: string, script: Script): string => join(workersDir(dataDir), script.tag)

export const namespaceDir = (dataDir: string, script: Script, namespaceId: string): string =>
  join(scriptDir(dataDir, script), 'do', namespaceId)
