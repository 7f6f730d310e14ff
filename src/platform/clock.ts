import type { Knex } from 'knex'
import { within } from './deadline.ts'
import type { Logger } from './logging/logging.ts'
import { createLoop, type Service } from './process/lifecycle.ts'

/** The database's time, asked for: for what is rare, or happens in a transaction anyway. */
export async function databaseTime(db: Knex): Promise<Date> {
  const { rows } = await db.raw('select clock_timestamp() as now')
  return rows[0].now
}

/** The database's time, which all processes of an installation share, without asking for it each time. */
export interface Clock extends Service {
  now(): Date
  /** Resolves once `now` is the database's time, or when the database does not answer. */
  measured(): Promise<void>
  /** Milliseconds by which this machine's clock is ahead of the database's; undefined until it was measured. */
  aheadMs(): number | undefined
}

const measureEveryMs = 10_000
/** A clock that is off by more is named in the log. */
const toleratedMs = 60_000
const startWaitMs = 2000

/**
 * Measures the database's clock against this process's monotonic one, so that a machine whose time of day is wrong, or
 * is set while we run, makes no difference. Until the first measurement it is the machine's time of day.
 */
export function createDatabaseClock(db: Knex, log: Logger): Clock {
  /** What to add to `performance.now()`. */
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
      log.warn({ aheadMs: ahead }, "this machine's clock differs from the database's, which counts")
    if (!isOff && warned) log.info("this machine's clock agrees with the database's again")
    warned = isOff
  }

  const loop = createLoop({ name: 'clock', intervalMs: measureEveryMs, log }, measure)
  let first: Promise<void> | undefined

  /** Also where nothing started the loop: a command, or a request in the first moments. */
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
