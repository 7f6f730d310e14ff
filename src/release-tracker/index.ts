import type { Knex } from 'knex'
import type { Authenticate } from '../platform/auth.ts'
import type { EventHub, Listener } from '../platform/events/index.ts'
import type { Route } from '../platform/http/index.ts'
import type { Enqueue } from '../platform/jobs/index.ts'
import type { Logger } from '../platform/logging/logging.ts'
import { authenticateByKey, createKeyRing } from './access.ts'
import { createBadges } from './badges/badges.ts'
import { createMemory, type Memory } from './badges/memory.ts'
import type { ReleaseTrackerConfig } from './config.ts'
import type { TrackerContext } from './context.ts'
import { schedulesOf } from './jobs.ts'
import { clusterAt } from './kubernetes/client.ts'
import type { CredentialReader } from './kubernetes/credentials.ts'
import { createWaitingReport } from './push/waiting-report.ts'
import { waitingView } from './reading/views.ts'
import { type BadgeReply, badgeRoutes } from './routes/badges.ts'
import { collectRoutes } from './routes/collect.ts'
import { releaseRoutes } from './routes/releases.ts'
import { createTrackerService } from './service.ts'
import { pruneChanges } from './store/changes.ts'
import { pruneRejections } from './store/push/rejections.ts'

export { checkPingsJob, collectJob, pingMasterJob } from './jobs.ts'
export { pushJob } from './push/sending/job.ts'

export interface ReleaseTracker {
  /** The dependencies of its jobs. */
  context: TrackerContext
  schedules: ReturnType<typeof schedulesOf>
  /** The scheme `tracker-key`. */
  authenticate: Authenticate
  routes: Route[]
  /** Releases that were not delivered or not stored, for `/health`; undefined if there are none. */
  waiting(): Promise<object | undefined>
  /** Logs what each API key can do. */
  announce(): void
  /** Deletes old events and rejections. The history is kept for ever. @returns the number of deleted rows. */
  prune(): Promise<number>
}

export interface ReleaseTrackerOptions {
  db: Knex
  config: ReleaseTrackerConfig
  /** Of the service, for the changes that a slave sends. */
  version: string
  log: Logger
  hub: EventHub
  listener: Listener
  enqueue: Enqueue
  now?: () => Date
  /** Default: in a process of its own. */
  readClusterCredentials?: CredentialReader | undefined
}

export type { CredentialReader }

/** Events are kept as long as finished jobs. */
const changes = { days: 30, limit: 5000 }

export function createReleaseTracker(options: ReleaseTrackerOptions): ReleaseTracker {
  const { db, config, version, log, hub, listener, enqueue, now = () => new Date() } = options
  const { cluster } = config
  const context: TrackerContext = {
    db,
    config,
    version,
    log,
    enqueue,
    openCluster: cluster && clusterAt(cluster, options.readClusterCredentials),
    now,
  }
  const ring = createKeyRing(config)
  const service = createTrackerService(context)
  const report = createWaitingReport(context)
  const memory = createMemory<BadgeReply>(listener)
  return {
    context,
    schedules: schedulesOf(context),
    authenticate: authenticateByKey(ring),
    routes: [
      ...collectRoutes({ context, service }),
      ...releaseRoutes({ context, hub }),
      ...badgeRoutes(createBadges(context, ring), memory),
    ].map((route) => emptyingCache(route, memory)),
    async waiting() {
      const found = await report()
      return found && waitingView(found)
    },
    announce() {
      for (const note of config.apiKeys.notes) log.info({ reason: note }, 'API key')
    },
    prune: async () => (await pruneChanges(db, changes)) + (await pruneRejections(db)),
  }
}

/** Empties the cache of badges after each write, so that the next request shows it. */
function emptyingCache(route: Route, memory: Pick<Memory<BadgeReply>, 'forget'>): Route {
  if (route.method === 'get') return route
  const handle: Route['handle'] = async (request) => {
    try {
      return await route.handle(request)
    } finally {
      memory.forget()
    }
  }
  return { ...route, handle }
}
