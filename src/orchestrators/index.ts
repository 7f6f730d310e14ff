import type { Knex } from 'knex'
import type { Clock } from '../platform/clock.ts'
import { type EventHub, pruneEvents } from '../platform/events/index.ts'
import type { Route } from '../platform/http/index.ts'
import type { Enqueue, Schedule } from '../platform/jobs/index.ts'
import type { Logger } from '../platform/logging/logging.ts'
import type { Housekeeping } from '../platform/maintenance.ts'
import type { Service } from '../platform/process/lifecycle.ts'
import type { SocketRoute } from '../platform/sockets/index.ts'
import type { OrchestratorsConfig } from './config.ts'
import type { Polling } from './jobs.ts'
import { createNodeClient } from './node/client.ts'
import { runCycle, runShard, settleShard } from './polling/cycle.ts'
import { historyRoutes } from './routes/history.ts'
import { nodeRoutes } from './routes/nodes.ts'
import { statisticsRoutes } from './routes/statistics.ts'
import { statusRoutes } from './routes/status.ts'
import { windowRoutes } from './routes/windows.ts'
import { createLive, statusEvents } from './status/live.ts'
import { createStatusCache } from './status/status-cache.ts'
import { statusStream } from './status/stream.ts'
import { makePartitions, removeOldSamples } from './store/partitions.ts'

export { pollCycleJob, pollShardJob } from './jobs.ts'

export interface OrchestratorsOptions {
  db: Knex
  config: OrchestratorsConfig
  /** False on a slave of the release tracker. */
  enabled: boolean
  hub: EventHub
  enqueue: Enqueue
  log: Logger
  clock: Pick<Clock, 'now'>
}

/** The bridge's nodes: polling, status and statistics. As a service it closes the open streams when it stops. */
export interface Orchestrators extends Service {
  polling: Polling
  /** Undefined where polling is disabled. */
  schedule: Schedule | undefined
  routes: Route[]
  sockets: SocketRoute[]
  housekeeping: Housekeeping[]
}

// A client that reconnects gets the latest status; older events serve only as sequence numbers.
const keptEvents = { days: 1, limit: 1000 }

export function createOrchestrators(options: OrchestratorsOptions): Orchestrators {
  const { db, config, hub, enqueue, log, clock } = options
  const now = () => clock.now().getTime()
  const client = createNodeClient()
  const cache = createStatusCache({ db, hub, log, config, now })
  const live = createLive({ cache, log })
  const stream = statusEvents(cache)
  const polled = { db, config, client, enqueue }
  return {
    name: 'orchestrators',
    schedule: options.enabled ? { everyMs: config.pollIntervalMs } : undefined,
    polling: {
      runCycle: (run) => runCycle(polled, run),
      runShard: (payload, run) => runShard(polled, payload, run),
      settleShard: (trx, job) => settleShard(trx, job.payload),
    },
    // Fixed paths come first: `:id` would match them.
    routes: [
      ...statusRoutes({ cache, stream }),
      ...nodeRoutes({ db, config }),
      ...historyRoutes(db),
      ...statisticsRoutes(db, now),
      ...windowRoutes(db),
    ],
    sockets: [live.socket],
    housekeeping: [
      { name: 'sample partitions', run: () => makePartitions(db) },
      { name: 'samples', run: () => removeOldSamples(db, config.sampleRetentionDays) },
      { name: 'status events', run: () => pruneEvents(db, statusStream, keptEvents) },
    ],
    start: async () => undefined,
    async stop() {
      stream.close()
      await live.group.stop()
      client.close()
    },
  }
}
