import type { Knex } from 'knex'
import { type Accounts, createAccounts } from './accounts/index.ts'
import { type BinaryReleases, createBinaryReleases } from './binary-releases/index.ts'
import { bindCatalog, queueNames } from './catalog.ts'
import type { Config } from './config.ts'
import { createDeployments, type Deployments } from './deployments/index.ts'
import { localCloudCredentials } from './local-cloud/index.ts'
import { createOrchestrators, type Orchestrators } from './orchestrators/index.ts'
import { type Clock, createDatabaseClock } from './platform/clock.ts'
import { requireDatabaseUrl, requireDirectDatabaseUrl } from './platform/config/index.ts'
import { createEventHub, createListener, type EventHub, type Listener } from './platform/events/index.ts'
import { createHealth, type Health } from './platform/health/index.ts'
import { createInstallation } from './platform/installation/installation-id.ts'
import {
  type BoundJob,
  createEnqueue,
  createJobActions,
  createOutboxDispatcher,
  type Enqueue,
  type JobActions,
  type OutboxDispatcher,
} from './platform/jobs/index.ts'
import { createLogger, type Logger } from './platform/logging/logging.ts'
import { createDb } from './platform/postgres/db.ts'
import { createQueues, type Queues } from './platform/queues/index.ts'
import {
  createRateLimiter,
  createRateLimits,
  type RateLimiter,
  type RateLimits,
} from './platform/rate-limit/index.ts'
import { resolveRedisUrl } from './platform/redis/index.ts'
import { createResources } from './platform/resources.ts'
import { createSecrets, type Secrets } from './platform/secrets.ts'
import { type CredentialReader, createReleaseTracker, type ReleaseTracker } from './release-tracker/index.ts'

/** All services of a process, created once and passed to its parts. */
export interface Context {
  config: Config
  log: Logger
  db: Knex
  /** The database's time, which decides the order of events. */
  clock: Clock
  secrets: Secrets
  queues: Queues
  listener: Listener
  hub: EventHub
  jobs: readonly BoundJob[]
  outboxDispatcher: OutboxDispatcher
  enqueue: Enqueue
  jobActions: JobActions
  limiter: RateLimiter
  limits: RateLimits
  accounts: Accounts
  deployments: Deployments
  binaryReleases: BinaryReleases
  releaseTracker: ReleaseTracker
  orchestrators: Orchestrators
  health: Health
  /** Closes all resources in reverse order. Services must have been stopped before. */
  dispose(): Promise<void>
}

export interface ContextOverrides {
  log?: Logger
  readClusterCredentials?: CredentialReader | undefined
}

/** Resolves the URL of the current Redis master, since `createContext` cannot wait for it. */
export async function withRedisTopology(config: Config): Promise<Config> {
  return { ...config, redisUrl: await resolveRedisUrl(config.redisUrl) }
}

type Platform = ReturnType<typeof createPlatform>

/** The services that know no domain. */
function createPlatform(config: Config, process: string, overrides: ContextOverrides) {
  const databaseUrl = requireDatabaseUrl(config)
  const directUrl = requireDirectDatabaseUrl(config)
  const log = overrides.log ?? createLogger({ level: config.logLevel, format: config.logFormat, process })
  const db = createDb({ url: databaseUrl, name: process })
  const installation = createInstallation(db)
  const store = { redisUrl: config.redisUrl, log, installation }
  const queues = createQueues({ databaseUrl: directUrl, ...store })
  const limiter = createRateLimiter(store)
  const listener = createListener(databaseUrl, log, directUrl)
  const outboxDispatcher = createOutboxDispatcher({ db, queues, log })
  return {
    config,
    log,
    db,
    databaseUrl,
    installation,
    secrets: createSecrets(config.secretKey, config.previousSecretKeys),
    clock: createDatabaseClock(db, log),
    queues,
    limiter,
    limits: createRateLimits(limiter, config.rateLimits),
    listener,
    hub: createEventHub(db, listener, log),
    outboxDispatcher,
    enqueue: createEnqueue(() => outboxDispatcher.nudge()),
  }
}

/** @param jobActions called once the context is complete, since jobs use the domains */
function createDomains(platform: Platform, jobActions: () => JobActions, overrides: ContextOverrides) {
  const { config, log, db, secrets, clock, queues, listener, hub, enqueue } = platform
  const { now } = clock
  return {
    accounts: createAccounts({ db, secrets, config, log, listener, now, clockMeasured: clock.measured }),
    deployments: createDeployments({
      db,
      config,
      secrets,
      hub,
      enqueue,
      log,
      now,
      localCredentials: async () => localCloudCredentials(config.dataDir, config.localCloud.token),
      jobActions,
      resources: createResources({ db, queues, queueNames, dataDir: config.dataDir }),
    }),
    binaryReleases: createBinaryReleases({
      db,
      config: config.binaryReleases,
      platform: config,
      secrets,
      listener,
      enqueue,
      now,
    }),
    releaseTracker: createReleaseTracker({
      db,
      config: config.releaseTracker,
      version: config.service.version,
      log,
      hub,
      listener,
      enqueue,
      now,
      readClusterCredentials: overrides.readClusterCredentials,
    }),
    orchestrators: createOrchestrators({
      db,
      config: config.orchestrators,
      hub,
      enqueue,
      log,
      clock,
      enabled: config.releaseTracker.mode !== 'slave',
    }),
  }
}

/** @param process the name of the process in logs and in `pg_stat_activity` */
export function createContext(config: Config, process: string, overrides: ContextOverrides = {}): Context {
  const platform = createPlatform(config, process, overrides)
  const { db, databaseUrl, queues, limiter, listener, log, outboxDispatcher } = platform
  const domains = createDomains(platform, () => jobActions, overrides)
  const jobs = bindCatalog({ db, ...domains })
  const health = createHealth({
    databaseUrl,
    queues,
    limiter,
    listener,
    log,
    dataDir: config.dataDir,
    objectStore: domains.binaryReleases.storeCauses,
  })
  const jobActions = createJobActions(jobs, () => outboxDispatcher.nudge())
  return {
    ...platform,
    ...domains,
    jobs,
    jobActions,
    health,
    async dispose() {
      platform.installation.close()
      limiter.close()
      await domains.orchestrators.stop()
      await queues.close()
      await domains.deployments.close()
      await health.probe.close()
      await db.destroy()
    },
  }
}
