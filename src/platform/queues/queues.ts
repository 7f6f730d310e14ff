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

/** What the queue library keeps of a job: the id of the row, or the schedule that is due. Never a secret. */
export type DeliveryData = { job: string } | { schedule: string }
export type DeliveryJob = BullJob<DeliveryData, unknown, string>
export type DeliveryQueue = Queue<DeliveryData, unknown, string>

export interface WorkerSettings {
  concurrency: number
}

/** The queue library on one of its backends; nothing else of ours names Redis or the backend. */
export interface Queues {
  /** @throws Error before `ready` has resolved. */
  get(name: string): DeliveryQueue
  /** Resolves once it is known under which keys this installation's queues are; until then nothing is `available`. */
  ready(): Promise<void>
  /** Not running yet: call `run()`. @throws Error before `ready` has resolved. */
  createWorker(
    name: string,
    processor: Processor<DeliveryData, unknown, string>,
    settings: WorkerSettings,
  ): Worker
  /** Fails where the queue store takes no writes. May wait as long as it is away: set a deadline. */
  ping(): Promise<void>
  /** False while it is known that the queue store is away. */
  available(): boolean
  backend: 'redis' | 'postgres'
  close(): Promise<void>
}

export interface QueuesOptions {
  /** Keeps its session between transactions. */
  databaseUrl: string
  redisUrl: string | undefined
  /** Its id is in every key: installations on one Redis never see each other's queues. */
  installation: Installation
  log: Logger
}

/** The schema of the queue library inside our database, next to our own tables. */
const queueSchema = 'bullmq'
const searchPath = `-c search_path="${queueSchema}"`
/** Below the limit on queries of our own: a delivery is a short statement. */
const limits = { queryMs: 5000 }

// The library's defaults leave a dead worker's job lying for up to a minute. A stall is found when the lock has
// ended and the next check has passed; the row's own count, not the stall count, limits crash loops.
// After a failed fetch (a deadlock with a restart, a lost connection) it would pause for 15 s by itself.
const recovery = { lockDuration: 5000, stalledInterval: 2000, maxStalledCount: 1000, runRetryDelay: 1000 }
const probeKeptMs = 60_000
const kept = { removeOnComplete: { count: 1000 }, removeOnFail: { count: 1000 } }

export function createQueues(options: QueuesOptions): Queues {
  return options.redisUrl === undefined ? onPostgres(options) : onRedis(options, options.redisUrl)
}

/** How many workers fetch from a queue, in all processes; null when the queue store does not tell in time. */
export async function countWorkers(queues: Queues, name: string): Promise<number | null> {
  try {
    return await within(1000, queues.get(name).getWorkersCount(), 'the queue store')
  } catch {
    return null
  }
}

/** Brings the queue library's own tables up to date; only the PostgreSQL backend has some. */
export async function migrateQueues(databaseUrl: string): Promise<void> {
  const config = { connectionString: databaseUrl, ...connectionLimits }
  // The search path, which the backend needs at the start of each connection, is refused by poolers.
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
  // Producers share one small pool; the search path is what the library would set on a pool of its own.
  const pool = new pg.Pool({ ...config, Client: boundedClient(limits), max: 3, options: searchPath })
  pool.on('error', (error) => log.warn({ reason: error.message }, 'queue connection lost'))
  const queues = new Map<string, DeliveryQueue>()
  return {
    backend: 'postgres',
    available: () => true,
    ready: async () => undefined,
    get(name) {
      const known = queues.get(name)
      if (known !== undefined) return known
      const queue = new backend.Queue<DeliveryData, unknown, string>(name, {
        // The library describes pg's Pool by a shape of its own that pg's types do not meet to the letter.
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
      worker.on('error', faultsOf(name, log))
      // Only this gives its connection the name by which workers are counted.
      void untilReady(worker as unknown as Worker)
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
  // A queue whose first connection fails stays broken for ever in the library, so commands wait for Redis; who
  // calls sets a deadline, and asks `available` before handing over work that should not pile up meanwhile.
  const producer = connectRedis(redisUrl, { maxRetriesPerRequest: null })
  producer.on('error', (error: Error) => log.warn({ reason: error.message }, 'queue store connection lost'))
  const queues = new Map<string, DeliveryQueue>()
  const workerConnections: (Redis | Cluster)[] = []
  // The braces keep a queue's keys in one slot of a Redis Cluster, and different queues on different shards.
  const prefixOf = (name: string) => {
    const id = installation.id()
    if (id === undefined) throw new Error('the id of this installation is not known yet')
    return `{capstan-${id}-${name}}`
  }
  return {
    backend: 'redis',
    available: () => installation.id() !== undefined && producer.status === 'ready',
    ready: async () => void (await installation.known()),
    get(name) {
      const known = queues.get(name)
      if (known !== undefined) return known
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
      worker.on('error', faultsOf(name, log))
      return worker
    },
    async ping() {
      // A write: a replica, and a Redis without memory left, answer PING.
      const names = queues.size === 0 ? ['probe'] : [...queues.keys()]
      await Promise.all(names.map((name) => producer.set(`${prefixOf(name)}:probe`, '1', 'PX', probeKeptMs)))
    },
    async close() {
      await Promise.all([...queues.values()].map((queue) => queue.close()))
      for (const connection of [producer, ...workerConnections]) connection.disconnect()
    },
  }
}

async function untilReady(worker: Worker): Promise<void> {
  const ready = () =>
    worker.waitUntilReady().then(
      () => true,
      () => false,
    )
  while (worker.closing === undefined && !(await ready()));
}

/** A worker asks again at once, and so it would say hundreds of times a second that the database is starting. */
function faultsOf(queue: string, log: Logger): (error: Error) => void {
  let told = { reason: '', at: Number.NEGATIVE_INFINITY }
  return ({ message: reason }) => {
    const at = performance.now()
    if (reason === told.reason && at - told.at < 1000) return
    told = { reason, at }
    log.warn({ queue, reason }, 'queue worker fault')
  }
}

function workerOptions(settings: WorkerSettings) {
  return {
    ...recovery,
    ...kept,
    concurrency: settings.concurrency,
  }
}
