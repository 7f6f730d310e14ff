import { statfs } from 'node:fs/promises'
import type { Knex } from 'knex'
import { countWorkers, type Queues } from './queues/index.ts'

/** The resources of the installation and their use, the same in each of its processes. */
export interface Resources {
  queues: QueueLoad[]
  database: { sizeBytes: number; connections: number; maxConnections: number }
  /** The disk of `DATA_DIR` on the machine of this process; null if it cannot be read. */
  disk: { totalBytes: number; freeBytes: number } | null
}

export interface QueueLoad {
  queue: string
  /** The number of processes that work the queue; null if the queue store does not report it. */
  workers: number | null
  waiting: number
  /** Jobs that are due later: retries and delayed jobs. */
  delayed: number
  active: number
}

export interface ResourcesOptions {
  db: Knex
  queues: Queues
  queueNames: readonly string[]
  dataDir: string
}

const freshMs = 5000

/** @returns a function that caches its result for five seconds; concurrent callers share one read */
export function createResources(options: ResourcesOptions): () => Promise<Resources> {
  let cached: { at: number; resources: Promise<Resources> } | undefined
  return () => {
    const now = performance.now()
    if (cached === undefined || now - cached.at > freshMs) {
      const current = { at: now, resources: readResources(options) }
      cached = current
      // A failure is not cached.
      current.resources.catch(() => {
        if (cached === current) cached = undefined
      })
    }
    return cached.resources
  }
}

async function readResources({ db, queues, queueNames, dataDir }: ResourcesOptions): Promise<Resources> {
  const [loads, database, disk, workers] = await Promise.all([
    readLoads(db),
    readDatabase(db),
    readDisk(dataDir),
    Promise.all(queueNames.map((name) => countWorkers(queues, name))),
  ])
  const none = { waiting: 0, delayed: 0, active: 0 }
  return {
    queues: queueNames.map((queue, index) => ({
      queue,
      workers: workers[index] ?? null,
      ...(loads.get(queue) ?? none),
    })),
    database,
    disk,
  }
}

type Load = Pick<QueueLoad, 'waiting' | 'delayed' | 'active'>

async function readLoads(db: Knex): Promise<Map<string, Load>> {
  const { rows } = await db.raw(
    // Two conditions with an index each, so that a month of finished jobs is not scanned.
    `select queue, (count(*) filter (where not active and run_at <= now()))::int as waiting,
       (count(*) filter (where not active and run_at > now()))::int as delayed,
       (count(*) filter (where active))::int as active
     from (select queue, run_at, false as active from jobs where state in ('queued', 'retrying')
       union all select queue, run_at, true from jobs where state = 'running') as unfinished group by queue`,
  )
  return new Map(rows.map(({ queue, ...load }: { queue: string } & Load) => [queue, load]))
}

async function readDatabase(db: Knex): Promise<Resources['database']> {
  const { rows } = await db.raw(
    `select pg_database_size(current_database())::float8 as size, current_setting('max_connections')::int as most,
       (select count(*)::int from pg_stat_activity where datname = current_database()) as open`,
  )
  const { size, most, open } = rows[0]
  return { sizeBytes: size, connections: open, maxConnections: most }
}

async function readDisk(dataDir: string): Promise<Resources['disk']> {
  try {
    const { blocks, bavail, bsize } = await statfs(dataDir)
    return { totalBytes: blocks * bsize, freeBytes: bavail * bsize }
  } catch {
    return null
  }
}
