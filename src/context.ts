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
  createDispatcher,
  createEnqueue,
  createJobVerbs,
  type Dispatcher,
  type Enqueue,
  type JobVerbs,
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
import { createReleaseTracker, type ReleaseTracker } from './release-tracker/index.ts'

/** Everything a process is made of, built once and passed on. */
export interface Context {
  config: Config
  log: Logger
  db: Knex
  /** The database's time, which decides about order. */
  clock: Clock
  secrets: Secrets
  queues: Queues
  listener: Listener
  hub: EventHub
  jobs: readonly BoundJob[]
  dispatcher: Dispatcher
  enqueue: Enqueue
  verbs: JobVerbs
  limiter: RateLimiter
  limits: RateLimits
  accounts: Accounts
  deployments: Deployments
  binaryReleases: BinaryReleases
  releaseTracker: ReleaseTracker
  orchestrators: Orchestrators
  health: Health
  /** Closes what was opened, in reverse order. Services must have been stopped. */
  dispose(): Promise<void>
}

export interface ContextOverrides {
  log?: Logger
}

/** The configuration with the URL by which Redis is to be used, for `createContext`, which waits for nothing. */
export async function withRedisTopology(config: Config): Promise<Config> {
  return { ...config, redisUrl: await resolveRedisUrl(config.redisUrl) }
}

/** @param process the process's name, as it shows in logs and in the database's activity. */
export function createContext(config: Config, process: string, overrides: ContextOverrides = {}): Context {
  const databaseUrl = requireDatabaseUrl(config)
  const directUrl = requireDirectDatabaseUrl(config)
  const log = overrides.log ?? createLogger({ level: config.logLevel, format: config.logFormat, process })
  const db = createDb({ url: databaseUrl, name: process })
  const secrets = createSecrets(config.secretKey, config.previousSecretKeys)
  const clock = createDatabaseClock(db, log)
  const installation = createInstallation(db)
  const store = { redisUrl: config.redisUrl, log, installation }
  const queues = createQueues({ databaseUrl: directUrl, ...store })
  const limiter = createRateLimiter(store)
  const limits = createRateLimits(limiter, config.rateLimits)
  const listener = createListener(databaseUrl, log, directUrl)
  const hub = createEventHub(db, listener, log)
  const dispatcher = createDispatcher({ db, queues, log })
  const enqueue = createEnqueue(() => dispatcher.nudge())
  const accounts = createAccounts({
    ...{ db, secrets, config, log, listener },
    ...{ now: clock.now, clockMeasured: clock.measured },
  })
  const deployments = createDeployments({
    ...{ db, config, secrets, hub, enqueue, log, now: clock.now },
    localCredentials: async () => localCloudCredentials(config.dataDir, config.localCloud.token),
    verbs: () => verbs,
    resources: createResources({ db, queues, queueNames, dataDir: config.dataDir }),
  })
  const binaryReleases = createBinaryReleases({
    ...{ db, config: config.binaryReleases, platform: config, secrets, listener, enqueue, now: clock.now },
  })
  const releaseTracker = createReleaseTracker({
    ...{ db, config: config.releaseTracker, version: config.service.version, log, hub, listener, enqueue },
    now: clock.now,
  })
  const orchestrators = createOrchestrators({
    ...{ db, config: config.orchestrators, hub, enqueue, log, clock },
    enabled: config.releaseTracker.mode !== 'slave',
  })
  const jobs = bindCatalog({ db, deployments, releaseTracker, binaryReleases, orchestrators })
  const health = createHealth({
    ...{ databaseUrl, queues, limiter, listener, log, dataDir: config.dataDir },
    objectStore: binaryReleases.storeCauses,
  })
  const verbs = createJobVerbs(jobs, () => dispatcher.nudge())
  return {
    ...{
      config,
      log,
      db,
      clock,
      secrets,
      queues,
      listener,
      hub,
      jobs,
      dispatcher,
      enqueue,
      verbs,
      limiter,
      limits,
      accounts,
      deployments,
      binaryReleases,
      releaseTracker,
      orchestrators,
      health,
    },
    async dispose() {
      installation.close()
      limiter.close()
      await orchestrators.stop()
      await queues.close()
      await deployments.close()
      await health.probe.close()
      await db.destroy()
    },
  }
}
