import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { inject } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import { type Context, createContext } from '../../src/context.ts'
import {
  type BoundJob,
  createJobActions,
  createLeaseKeeper,
  createQueueWorker,
  createReconciler,
  createRunner,
} from '../../src/platform/jobs/index.ts'
import type { Logger } from '../../src/platform/logging/logging.ts'
import type { Queues } from '../../src/platform/queues/index.ts'
import type { CredentialReader } from '../../src/release-tracker/index.ts'
import { connectionsTo, createTestDatabase, type TestDatabase } from './servers/postgres-server.ts'
import { until } from './until.ts'

export type Backend = 'postgres' | 'redis'

/** The backends for `describe.each`: PostgreSQL, and Redis if it is available. */
export const backends = (): Backend[] =>
  inject('redisUrl') === undefined ? ['postgres'] : ['postgres', 'redis']

export const silent: Logger = pino({ level: 'silent' })

export interface TestContextOptions {
  backend?: Backend
  /** Settings that override the production-like defaults below. */
  env?: Record<string, string>
  /** Jobs in addition to the catalogue's, e.g. `(ctx) => [bindJob(definition, { db: ctx.db })]`. */
  jobs?: (ctx: Context) => BoundJob[]
  log?: Logger
  /** The default is the same as in production. */
  readClusterCredentials?: CredentialReader | undefined
  /** The context of another process of the same installation, whose database is shared. */
  beside?: TestContext
}

export interface TestContext extends Context {
  database: TestDatabase
}

/** The context of a process in an installation with its own database. `dispose` also drops the database. */
export async function createTestContext(options: TestContextOptions = {}): Promise<TestContext> {
  const { beside, log = silent } = options
  const database = beside?.database ?? (await createTestDatabase())
  const name = `test-${randomBytes(6).toString('hex')}`
  const backend = options.backend ?? beside?.queues.backend ?? 'postgres'
  const redisUrl = inject('redisUrl')
  if (backend === 'redis' && redisUrl === undefined) throw new Error('there is no Redis here')
  const config = loadConfig({
    DATABASE_URL: database.url,
    ...(backend === 'redis' && redisUrl !== undefined ? { REDIS_URL: redisUrl } : {}),
    SECRET_KEY: 'a-secret-key-of-the-tests-0123456789',
    DATA_DIR: join(tmpdir(), name),
    PORT: '0',
    CLOUDFLARE_TARGET: 'local',
    RATE_LIMIT_ADDRESS_PER_SECOND: '10000',
    RATE_LIMIT_ADDRESS_BURST: '100000',
    LOCAL_CLOUD_TOKEN: 'a-local-cloud-token-of-the-tests',
    ...options.env,
  })
  const ctx = createContext(config, 'test', { log, readClusterCredentials: options.readClusterCredentials })
  await ctx.queues.ready()
  const jobs = [...ctx.jobs, ...(options.jobs?.(ctx) ?? [])]
  return {
    ...ctx,
    jobs,
    jobActions: createJobActions(jobs, () => ctx.outboxDispatcher.nudge()),
    database,
    async dispose() {
      // A service may have been stopped before: services can be stopped twice.
      for (const service of [ctx.outboxDispatcher, ctx.listener, ctx.accounts]) await service.stop()
      await ctx.dispose()
      if (beside !== undefined) return
      const open = () => connectionsTo(database)
      await until(async () => (await open()) === 0, { what: 'every connection to the database was closed' })
      await database.drop()
    },
  }
}

export interface EngineOptions {
  /** The queues to process; by default those of all jobs. */
  queues?: string[]
  concurrency?: number
  /** The services to leave out. */
  without?: ('dispatcher' | 'reconciler' | 'keeper')[]
  /** The queues that all services except the dispatcher use instead of the context's queues. */
  through?: Queues
}

export type Engine = ReturnType<typeof buildEngine>

/** Starts the services of a worker process. Only once per context, since services can't be restarted. */
export async function startEngine(ctx: TestContext, options: EngineOptions = {}): Promise<Engine> {
  const engine = buildEngine(ctx, options)
  await engine.start()
  return engine
}

function buildEngine(ctx: TestContext, options: EngineOptions) {
  const { db, log, listener, outboxDispatcher, jobs } = ctx
  const queues = options.through ?? ctx.queues
  const nudge = () => outboxDispatcher.nudge()
  const keeper = createLeaseKeeper({ db, listener, log })
  const runner = createRunner({ db, jobs, keeper, log, nudge })
  const names = options.queues ?? [...new Set(jobs.map((job) => job.queue))]
  // Jobs of schedules in queues without a worker would wait without end.
  const worked = jobs.filter(({ queue }) => names.includes(queue))
  const reconciler = createReconciler({ db, queues, jobs: worked, log, nudge })
  const { concurrency = 5, without = [] } = options
  const workers = names.map((queue) => createQueueWorker({ queue, concurrency, queues, runner }))
  const parts = { dispatcher: outboxDispatcher, reconciler, keeper }
  const left = without.map((name) => parts[name])
  const services = [listener, outboxDispatcher, keeper, ...workers, reconciler].filter(
    (service) => !left.includes(service as (typeof left)[number]),
  )
  return {
    keeper,
    runner,
    reconciler,
    workers,
    async start() {
      for (const service of services) await service.start()
    },
    /** Stops like a worker process, but hands running jobs over immediately, without the grace period. */
    async stop() {
      await reconciler.stop()
      const fetching = Promise.all(workers.map((worker) => worker.stop()))
      keeper.abortAll('shutdown')
      await fetching
      await runner.idle()
      for (const service of [keeper, outboxDispatcher, listener]) await service.stop()
    },
  }
}
