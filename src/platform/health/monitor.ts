import { within } from '../deadline.ts'
import type { Logger } from '../logging/logging.ts'
import { createLoop, type Service } from '../process/lifecycle.ts'
import type { Queues } from '../queues/index.ts'
import type { RateLimiter } from '../rate-limit/index.ts'
import { type Cause, clockCauses } from './causes.ts'
import { dataDirCauses } from './data-dir.ts'
import type { DatabaseProbe, DatabaseProblem, DatabaseState } from './database-probe.ts'

export interface MonitorOptions {
  probe: DatabaseProbe
  queues: Pick<Queues, 'ping' | 'backend'>
  limiter: Pick<RateLimiter, 'lost'>
  listener: { receivesNotifications(): boolean }
  dataDir: string
  /** The causes that concern the store of binary releases; caches its result. Never rejects. */
  objectStore: () => Promise<Cause[]>
  log: Logger
}

export interface HealthState {
  database: DatabaseState
  queueWorks: boolean
  causes: Cause[]
}

/** Checks everything that this process depends on, and logs each cause when it appears and when it is gone. */
export interface HealthMonitor {
  check(): Promise<HealthState>
  /** Checks periodically, so that faults are logged even if no client requests `/health`. */
  service: Service
}

const everyMs = 15_000
const limitMs = 2000

export function createHealthMonitor(options: MonitorOptions): HealthMonitor {
  const { probe, queues, log } = options
  let current = new Map<string, Cause>()

  async function check(): Promise<HealthState> {
    const [database, queue, store, dataDir] = await Promise.all([
      probe.check(),
      queueCauses(queues),
      options.objectStore(),
      dataDirCauses(options.dataDir),
    ])
    const causes = [
      ...databaseCauses(database),
      ...queue,
      ...stalledCauses(database, queue.length === 0),
      ...(options.limiter.lost() ? [rateLimitsCause] : []),
      ...store,
      ...dataDir,
      ...clockCauses(database.aheadMs, 'database'),
      ...(options.listener.receivesNotifications() ? [] : [liveEventsCause]),
    ]
    logChanges(causes)
    return { database, queueWorks: queue.length === 0, causes }
  }

  function logChanges(causes: Cause[]): void {
    const now = new Map(causes.map((cause) => [`${cause.part}/${cause.reason}`, cause]))
    for (const [key, { part, message }] of now)
      if (!current.has(key)) log.warn({ name: part, reason: message }, 'health: a fault has appeared')
    for (const [key, { part, message }] of current)
      if (!now.has(key)) log.info({ name: part, reason: message }, 'health: a fault is gone')
    current = now
  }

  return {
    check,
    service: createLoop({ name: 'health', intervalMs: everyMs, log }, async () => void (await check())),
  }
}

const rateLimitsCause: Cause = {
  part: 'rate_limits',
  reason: 'redis_unavailable',
  message: 'Rate limits are counted in each process: Redis is unavailable',
}

const liveEventsCause: Cause = {
  part: 'live_events',
  reason: 'not_received',
  message: 'Live events are not received: set DATABASE_DIRECT_URL to an address without a pooler',
}

const databaseTexts: Record<DatabaseProblem, string> = {
  unreachable: 'is unreachable',
  timeout: 'does not answer in time',
  read_only: 'is read-only',
  too_many_connections: 'has no free connection',
  disk_full: 'has no disk space left',
  out_of_memory: 'has no memory left',
  refused: 'refuses the sign-in',
  failing: 'fails',
}

function databaseCauses({ unreadable, unwritable }: DatabaseState): Cause[] {
  const problem = unreadable ?? unwritable
  if (problem === undefined) return []
  const scope = unreadable === undefined ? ', so writes fail while reads work' : ''
  return [{ part: 'database', reason: problem, message: `The database ${databaseTexts[problem]}${scope}` }]
}

/** The causes by the first word of the error with which Redis refuses a write. */
const redisProblems: Record<string, [reason: string, message: string]> = {
  OOM: ['redis_full', 'Redis has no memory left and takes no writes'],
  READONLY: ['redis_read_only', 'Redis is a replica and takes no writes'],
  MISCONF: ['redis_not_persisting', 'Redis can not save its data and takes no writes'],
  NOREPLICAS: ['redis_without_replicas', 'Redis has too few replicas and takes no writes'],
  CLUSTERDOWN: ['redis_cluster_down', 'The Redis Cluster is down'],
  MOVED: ['redis_is_a_cluster', 'REDIS_URL leads to a node of a Redis Cluster: use redis+cluster://'],
  LOADING: ['redis_loading', 'Redis is loading its data'],
  NOAUTH: ['redis_refused', 'Redis requires a password'],
  WRONGPASS: ['redis_refused', 'Redis refuses the password'],
}

async function queueCauses(queues: MonitorOptions['queues']): Promise<Cause[]> {
  try {
    await within(limitMs, queues.ping(), 'the queue store')
    return []
  } catch (error) {
    const word = /^[A-Z]+/.exec(error instanceof Error ? error.message : '')?.[0] ?? ''
    const store = queues.backend === 'redis' ? 'Redis' : 'the database'
    const [reason, message] = redisProblems[word] ?? [
      'unavailable',
      `The queue store (${store}) does not answer or refuses writes`,
    ]
    return [{ part: 'queue', reason, message }]
  }
}

function stalledCauses({ stalled }: DatabaseState, queueWorks: boolean): Cause[] {
  if (!stalled || !queueWorks) return []
  return [
    {
      part: 'queue',
      reason: 'stalled',
      message: 'Jobs have been due for more than a minute and no worker runs any',
    },
  ]
}
