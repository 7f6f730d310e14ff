import type { Knex } from 'knex'
import { isMigrated } from './db.ts'
import { within } from './deadline.ts'
import { type Route, route } from './http/index.ts'
import type { Queues } from './queues/index.ts'
import type { RateLimiter } from './rate-limit/index.ts'

export interface HealthOptions {
  db: Knex
  queues: Queues
  limiter: Pick<RateLimiter, 'lost'>
  service: { name: string; version: string }
  /** True once the process has begun to stop. */
  stopping: () => boolean
  /** Whether the store of binary releases answers; it keeps its own answer for a while. Never rejects. */
  objectStore: () => Promise<boolean>
}

type Health = 'healthy' | 'unhealthy'

/** Open routes for probes. `/health` is about the service, `/health/ready` about this process. */
export function healthRoutes(options: HealthOptions): Route[] {
  const { db, queues, service } = options
  let migrated = false

  const askDatabase = () => within(2000, Promise.resolve(db.raw('select 1')), 'the database')
  const database = () => asHealth(askDatabase())
  const queueStore = () => asHealth(within(2000, queues.ping(), 'the queue store'))

  async function ready(): Promise<Health> {
    const health = await database()
    if (health === 'unhealthy') return health
    migrated ||= await within(2000, isMigrated(db), 'the database').catch(() => false)
    return migrated ? 'healthy' : 'unhealthy'
  }

  return [
    route({
      method: 'get',
      path: '/health',
      access: 'open',
      limit: 'none',
      async handle() {
        const [databaseError, queue, storeAnswers] = await Promise.all([
          faultOf(askDatabase()),
          queueStore(),
          options.objectStore(),
        ])
        const databaseHealth: Health = databaseError === undefined ? 'healthy' : 'unhealthy'
        const stalled = databaseHealth === 'healthy' && (await isStalled(db))
        const degraded = queue === 'unhealthy' || stalled || !storeAnswers || options.limiter.lost()
        const status = databaseHealth === 'unhealthy' ? 'unhealthy' : degraded ? 'degraded' : 'healthy'
        const body = {
          status,
          service: service.name,
          version: service.version,
          timestamp: new Date().toISOString(),
          database: databaseHealth,
          ...(databaseError === undefined ? {} : { database_error: databaseError }),
          queue: stalled && queue === 'healthy' ? 'stalled' : queue,
          r2_connected: storeAnswers,
        }
        return { status: status === 'unhealthy' ? 503 : 200, body, headers: uncached }
      },
    }),
    route({
      method: 'get',
      path: '/health/ready',
      access: 'open',
      limit: 'none',
      async handle() {
        const [databaseHealth, queue] = await Promise.all([ready(), queueStore()])
        const isReady = databaseHealth === 'healthy' && !options.stopping()
        const body = {
          status: isReady ? 'ready' : 'not_ready',
          database: databaseHealth,
          redis: queues.backend === 'redis' ? queue : 'disabled',
        }
        return { status: isReady ? 200 : 503, body, headers: uncached }
      },
    }),
  ]
}

const uncached = { 'Cache-Control': 'no-store' }

const asHealth = (probe: Promise<unknown>): Promise<Health> =>
  probe.then(
    () => 'healthy',
    () => 'unhealthy',
  )

/** The class of a fault, for people on call; nothing that tells a stranger how we are built. */
type DatabaseFault = 'timeout' | 'unreachable' | 'refused' | 'failing'

function faultOf(probe: Promise<unknown>): Promise<DatabaseFault | undefined> {
  return probe.then(
    () => undefined,
    (error: { code?: unknown; name?: unknown; message?: unknown }) => {
      const code = String(error.code ?? '')
      if (/^E(CONN|HOST|NET|PIPE|AI|NOTFOUND)/.test(code) || code.startsWith('57P')) return 'unreachable'
      // Sign-in refused (28), no such database (3D), too many connections (53).
      if (/^(28|3D|53)/.test(code)) return 'refused'
      if (
        code === 'ETIMEDOUT' ||
        error.name === 'KnexTimeoutError' ||
        /within \d+ ms/.test(`${error.message}`)
      )
        return 'timeout'
      return 'failing'
    },
  )
}

/**
 * Work is overdue and nobody holds a lease: workers that died silently. A long line behind busy workers is not
 * that.
 */
async function isStalled(db: Knex): Promise<boolean> {
  try {
    const { rows } = await db.raw(
      `select exists (select 1 from jobs where state in ('queued', 'retrying') and run_at < now() - interval '60 s')
         and not exists (select 1 from jobs where state = 'running' and lease_until > now()) as stalled`,
    )
    return rows[0].stalled
  } catch {
    return false
  }
}
