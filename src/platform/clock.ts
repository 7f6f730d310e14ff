import type { Knex } from 'knex'
import { within } from './deadline.ts'
import type { Logger } from './logging/logging.ts'
import { createLoop, type Service } from './process/lifecycle.ts'

/** Queries the database's time, for rare uses and inside transactions. */
export async function databaseTime(db: Knex): Promise<Date> {
  const { rows } = await db.raw('select clock_timestamp() as now')
  return rows[0].now
}

/** The database's time, shared by all processes of an installation, without a query per use. */
export interface Clock extends Service {
  now(): Date
  /** Resolves once `now` returns the database's time, or when the database does not respond. */
  measured(): Promise<void>
  /** Milliseconds by which this machine's clock is ahead of the database's; undefined before the first measurement. */
  aheadMs(): number | undefined
}

const measureEveryMs = 10_000
/** A larger difference between the clocks is logged. */
const toleratedMs = 60_000
const startWaitMs = 2000

/**
 * Measures the database's clock against this process's monotonic clock, so that a wrong or changed time of day of the
 * machine has no effect. Until the first measurement `now` returns the machine's time of day.
 */
export function createDatabaseClock(db: Knex, log: Logger): Clock {
  /** The value added to `performance.now()`. */
  let offsetMs: number | undefined
  let warned = false

  async function measure(): Promise<void> {
    const sentAt = performance.now()
    const { rows } = await within(
      startWaitMs,
      Promise.resolve(db.raw('select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms')),
      'the database',
    )
    offsetMs = rows[0].ms - (sentAt + performance.now()) / 2
    report(Math.round(aheadMs() ?? 0))
  }

  const now = () => (offsetMs === undefined ? new Date() : new Date(performance.now() + offsetMs))
  const aheadMs = () => (offsetMs === undefined ? undefined : Date.now() - now().getTime())

  function report(ahead: number): void {
    const isOff = Math.abs(ahead) > toleratedMs
    if (isOff && !warned)
      log.warn({ aheadMs: ahead }, "this machine's clock differs from the database's, which is used instead")
    if (!isOff && warned) log.info("this machine's clock agrees with the database's again")
    warned = isOff
  }

  const loop = createLoop({ name: 'clock', intervalMs: measureEveryMs, log }, measure)
  let first: Promise<void> | undefined

  /** Measures without the loop, for commands and for requests that arrive before the loop has started. */
  async function measureOnce(): Promise<void> {
    if (offsetMs !== undefined) return
    first ??= measure().catch(() => {
      first = undefined
    })
    await first
  }

  return {
    ...loop,
    measured: measureOnce,
    now() {
      measureOnce()
      return now()
    },
    aheadMs,
    async start() {
      await measure().catch(() => undefined)
      await loop.start()
    },
  }
}
