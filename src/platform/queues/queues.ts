import {
  type Job as BullJob,
  type PgPool,
  type Processor,
  Queue,
  runMigrations,
  Worker,
  withBackend,
} from 'bullmq'
import type { Cluster, Redis } from 'ioredis'
import pg from 'pg'
import { within } from '../deadline.ts'
import { ConfigError } from '../errors.ts'
import type { Installation } from '../installation/installation-id.ts'
import type { Logger } from '../logging/logging.ts'
import { BoundedClient, boundedClient, connectionLimits, migrationLimitMs } from '../postgres/index.ts'
import { connectForBlocking, connectRedis } from '../redis/index.ts'
import { persistentBackend } from './persistent-backend.ts'

/** The data of a job in the queue library: the id of its row, or the schedule that is due. Never a secret. */
export type DeliveryData = { job: string } | { schedule: string }
export type DeliveryJob = BullJob<DeliveryData, unknown, string>
export type DeliveryQueue = Queue<DeliveryData, unknown, string>

export interface WorkerSettings {
  concurrency: number
}

/** The queue library on one of its backends. Only this module depends on which backend it is. */
export interface Queues {
  /** @throws Error before `ready` has resolved. */
  get(name: string): DeliveryQueue
  /** Resolves once the key prefix of this installation's queues is known; until then `available` returns false. */
  ready(): Promise<void>
  /** Creates a worker that does not run until `run()` is called. @throws Error before `ready` has resolved. */
  createWorker(
    name: string,
    processor: Processor<DeliveryData, unknown, string>,
    settings: WorkerSettings,
  ): Worker
  /** Rejects if the queue store refuses writes. Waits while the store is unreachable: set a deadline. */
  ping(): Promise<void>
  /** False while the queue store is known to be unreachable. */
  available(): boolean
  backend: 'redis' | 'postgres'
  close(): Promise<void>
}

export interface QueuesOptions {
  /** A connection that keeps its session between transactions, unlike one through a pooler. */
  databaseUrl: string
  redisUrl: string | undefined
  /** The installation whose id is part of every key, so that installations can share one Redis. */
  installation: Installation
  log: Logger
}

/** The queue library's schema in Capstan's database. */
const queueSchema = 'bullmq'
const searchPath = `-c search_path="${queueSchema}"`
/** Shorter than the limit on Capstan's own queries: the library's statements are short. */
const limits = { queryMs: 5000 }

// With the library's defaults, the job of a crashed worker waits for up to a minute. A stalled job is found by the
// first check after its lock has expired. The attempts in the job's row, not the stall count, limit crash loops.
// After a failed fetch (a deadlock, a lost connection) the library would pause for 15 s by default.
const recovery = { lockDuration: 5000, stalledInterval: 2000, maxStalledCount: 1000, runRetryDelay: 1000 }
const probeTtlMs = 60_000
const retention = { removeOnComplete: { count: 1000 }, removeOnFail: { count: 1000 } }

export function createQueues(options: QueuesOptions): Queues {
  return options.redisUrl === undefined ? onPostgres(options) : onRedis(options, options.redisUrl)
}

/** The number of workers of a queue in all processes; null if the queue store does not answer in time. */
export async function countWorkers(queues: Queues, name: string): Promise<number | null> {
  try {
    return await within(1000, queues.get(name).getWorkersCount(), 'the queue store')
  } catch {
    return null
  }
}

/** Migrates the queue library's own tables, which only the PostgreSQL backend has. */
export async function migrateQueues(databaseUrl: string): Promise<void> {
  const config = { connectionString: databaseUrl, ...connectionLimits }
  // Poolers refuse the search path, which the backend needs at the start of each connection.
  const client = new BoundedClient({ ...config, options: searchPath }, { queryMs: migrationLimitMs })
  try {
    await client.connect()
    await runMigrations(client, queueSchema)
  } catch (error) {
    if (!/unsupported startup parameter/.test(String(error))) throw error
    throw new ConfigError([
      'DATABASE_URL: leads to a pooler, over which the queues on PostgreSQL do not work: ' +
        'set DATABASE_DIRECT_URL to the database itself, or REDIS_URL',
    ])
  } finally {
    await client.end()
  }
}

function onPostgres({ databaseUrl, log }: QueuesOptions): Queues {
  const config = {
    connectionString: databaseUrl,
    schema: queueSchema,
    ...connectionLimits,
  }
  const backend = withBackend(persistentBackend)
  // Producers share one small pool. The library sets the same search path on pools that it creates itself.
  const pool = new pg.Pool({ ...config, Client: boundedClient(limits), max: 3, options: searchPath })
  pool.on('error', (error) => log.warn({ reason: error.message }, 'queue connection lost'))
  const queues = new Map<string, DeliveryQueue>()
  return {
    backend: 'postgres',
    available: () => true,
    ready: async () => undefined,
    get(name) {
      const existing = queues.get(name)
      if (existing !== undefined) return existing
      const queue = new backend.Queue<DeliveryData, unknown, string>(name, {
        // The library's type for a pool does not match pg's own types exactly.
        connection: pool as unknown as PgPool,
      })
      queue.on('error', (error) => log.warn({ queue: name, reason: error.message }, 'queue fault'))
      queues.set(name, queue as unknown as DeliveryQueue)
      return queue as unknown as DeliveryQueue
    },
    createWorker(name, processor, settings) {
      const worker = new backend.Worker(name, processor, {
        connection: { ...config, Client: boundedClient(limits), max: 2 },
        autorun: false,
        ...workerOptions(settings),
      })
      worker.on('error', logFaults(name, log))
      // Workers are counted by the name of their connection, which `waitUntilReady` sets.
      void retryUntilReady(worker as unknown as Worker)
      return worker as unknown as Worker
    },
    async ping() {
      await pool.query('select 1')
    },
    async close() {
      await Promise.all([...queues.values()].map((queue) => queue.close()))
      await pool.end()
    },
  }
}

function onRedis({ log, installation }: QueuesOptions, redisUrl: string): Queues {
  // In the library, a queue whose first connection fails stays broken, so commands wait for Redis. Callers set a
  // deadline, and check `available` before handing over work that should not accumulate during an outage.
  const producer = connectRedis(redisUrl, { maxRetriesPerRequest: null })
  producer.on('error', (error: Error) => log.warn({ reason: error.message }, 'queue store connection lost'))
  const queues = new Map<string, DeliveryQueue>()
  const workerConnections: (Redis | Cluster)[] = []
  // The braces are a hash tag: a Redis Cluster keeps all keys of one queue in one slot and distributes the queues.
  const prefixOf = (name: string) => {
    const id = installation.id()
    if (id === undefined) throw new Error('the id of this installation has not been read yet')
    return `{capstan-${id}-${name}}`
  }
  return {
    backend: 'redis',
    available: () => installation.id() !== undefined && producer.status === 'ready',
    ready: async () => void (await installation.known()),
    get(name) {
      const existing = queues.get(name)
      if (existing !== undefined) return existing
      const queue: DeliveryQueue = new Queue(name, {
        connection: producer,
        prefix: prefixOf(name),
        skipWaitingForReady: true,
      })
      queue.on('error', (error) => log.warn({ queue: name, reason: error.message }, 'queue fault'))
      queues.set(name, queue)
      return queue
    },
    createWorker(name, processor, settings) {
      const connection = connectForBlocking(redisUrl)
      connection.on('error', (error: Error) =>
        log.warn({ queue: name, reason: error.message }, 'queue store lost'),
      )
      workerConnections.push(connection)
      const options = { connection, prefix: prefixOf(name), autorun: false, ...workerOptions(settings) }
      const worker = new Worker(name, processor, options)
      worker.on('error', logFaults(name, log))
      return worker
    },
    async ping() {
      // A write instead of PING, which a replica and a Redis without free memory answer too.
      const names = queues.size === 0 ? ['probe'] : [...queues.keys()]
      await Promise.all(names.map((name) => producer.set(`${prefixOf(name)}:probe`, '1', 'PX', probeTtlMs)))
    },
    async close() {
      await Promise.all([...queues.values()].map((queue) => queue.close()))
      for (const connection of [producer, ...workerConnections]) connection.disconnect()
    },
  }
}

async function retryUntilReady(worker: Worker): Promise<void> {
  const ready = () =>
    worker.waitUntilReady().then(
      () => true,
      () => false,
    )
  while (worker.closing === undefined && !(await ready()));
}

/** Logs a worker's faults, equal ones at most once a second: workers retry without a pause during an outage. */
function logFaults(queue: string, log: Logger): (error: Error) => void {
  let lastLogged = { reason: '', at: Number.NEGATIVE_INFINITY }
  return ({ message: reason }) => {
    const at = performance.now()
    if (reason === lastLogged.reason && at - lastLogged.at < 1000) return
    lastLogged = { reason, at }
    log.warn({ queue, reason }, 'queue worker fault')
  }
}

function workerOptions(settings: WorkerSettings) {
  return { ...recovery, ...retention, concurrency: settings.concurrency }
}
