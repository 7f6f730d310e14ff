import { within } from '../deadline.ts'
import { type Route, route } from '../http/index.ts'
import { operationsOf } from '../operations/operation.ts'
import type { DatabaseProbe } from './database-probe.ts'
import type { HealthMonitor } from './monitor.ts'

const operation = operationsOf('health', () => import('./operations.ts'))

export interface HealthOptions {
  monitor: Pick<HealthMonitor, 'check'>
  probe: Pick<DatabaseProbe, 'check' | 'isMigrated'>
  queueBackend: 'redis' | 'postgres'
  service: { name: string; version: string }
  /** True once the process has begun to stop. */
  stopping: () => boolean
  /** Releases that are not yet in their final store, with the reason; undefined if there are none. */
  waitingReleases?: () => Promise<object | undefined>
}

/** Routes for probes, without authentication: `/health` for the service, `/health/ready` for this process. */
export function healthRoutes(options: HealthOptions): Route[] {
  const { monitor, probe, service, waitingReleases = async () => undefined } = options
  let migrated = false

  async function isReady(readable: boolean): Promise<boolean> {
    if (!readable || options.stopping()) return false
    migrated ||= await probe.isMigrated().catch(() => false)
    return migrated
  }

  return [
    route({
      ...operation('getHealth'),
      method: 'get',
      path: '/health',
      access: 'open',
      limit: 'none',
      async handle() {
        const { database, queueWorks, causes } = await monitor.check()
        const problem = database.unreadable ?? database.unwritable
        const usable = database.unreadable === undefined
        const waiting = usable ? await inTime(waitingReleases()) : undefined
        const body = {
          status: !usable ? 'unhealthy' : causes.length > 0 ? 'degraded' : 'healthy',
          service: service.name,
          version: service.version,
          timestamp: new Date().toISOString(),
          database: problem === undefined ? 'healthy' : 'unhealthy',
          ...(problem === undefined ? {} : { database_error: problem }),
          queue: !queueWorks ? 'unhealthy' : database.stalled ? 'stalled' : 'healthy',
          r2_connected: !causes.some(({ part }) => part === 'object_store'),
          causes,
          ...(waiting === undefined ? {} : { waiting_releases: waiting }),
        }
        return { status: usable ? 200 : 503, body, headers: uncached }
      },
    }),
    route({
      ...operation('getReadiness'),
      method: 'get',
      path: '/health/ready',
      access: 'open',
      limit: 'none',
      async handle() {
        const { database, queueWorks } = await monitor.check()
        const readable = database.unreadable === undefined
        const ready = await isReady(readable)
        const body = {
          status: ready ? 'ready' : 'not_ready',
          database: readable && (migrated || options.stopping()) ? 'healthy' : 'unhealthy',
          redis: options.queueBackend === 'redis' ? (queueWorks ? 'healthy' : 'unhealthy') : 'disabled',
        }
        return { status: ready ? 200 : 503, body, headers: uncached }
      },
    }),
  ]
}

/** Undefined if an optional part of the answer is not available in time. */
const inTime = <T>(probe: Promise<T>): Promise<T | undefined> =>
  within(2000, probe, 'the database').catch(() => undefined)

const uncached = { 'Cache-Control': 'no-store' }
