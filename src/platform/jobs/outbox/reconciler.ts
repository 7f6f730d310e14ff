import type { Knex } from 'knex'
import { within } from '../../deadline.ts'
import type { Logger } from '../../logging/logging.ts'
import { createLoop, type Loop } from '../../process/lifecycle.ts'
import type { Queues } from '../../queues/index.ts'
import type { BoundJob } from '../definition.ts'
import { dropStoredSchedules, makeDueJobs } from '../schedules.ts'
import {
  type Checkable,
  correctFutureTimes,
  returnExpiredLeases,
  returnLost,
  takeForCheck,
} from './outbox.ts'

export interface ReconcilerOptions {
  db: Knex
  queues: Queues
  jobs: readonly BoundJob[]
  log: Logger
  /** Wakes the dispatcher. */
  nudge: () => void
}

// A sample finds a lost store within a sweep; only then is every row looked at.
const sampleSize = 20
const fullSize = 500
const sweepMs = 1000

/**
 * Makes the jobs of schedules that are due; finds work without a live delivery and puts it back into the outbox: expired
 * leases at once, and rows whose delivery the queue store no longer knows; and corrects times that a clock which was
 * ahead has left. Any number of processes may run it; a sweep is done by one.
 */
export function createReconciler(options: ReconcilerOptions): Loop {
  const { db, log, nudge } = options
  let sweeps = 0
  let timer: NodeJS.Timeout | undefined

  async function schedule(): Promise<void> {
    const { made, corrected, nextInMs } = await makeDueJobs(db, options.jobs)
    for (const key of corrected)
      log.warn({ name: key }, 'a schedule was due later than its interval from now; it is due now')
    if (made > 0) nudge()
    clearTimeout(timer)
    if (nextInMs !== undefined && nextInMs < sweepMs) timer = setTimeout(loop.nudge, nextInMs).unref()
  }

  async function sweep(): Promise<void> {
    await schedule()
    const early = await correctFutureTimes(db)
    if (early > 0) {
      log.warn(
        { count: early },
        'jobs would have waited longer than they were told to; their time is corrected',
      )
      nudge()
    }
    // In a transaction of its own: an unreachable queue store must not undo it.
    let returned = await returnExpiredLeases(db)
    if (returned > 0) nudge()
    await within(5000, options.queues.ready(), 'the database')
    await db.transaction(async (trx) => {
      const { rows } = await trx.raw('select pg_try_advisory_xact_lock(7041002) as mine')
      if (!rows[0].mine) return
      returned += await returnLostDeliveries(options)
      if (sweeps++ % 10 === 0) await dropStoredSchedules(options.queues, options.jobs)
    })
    if (returned === 0) return
    log.info({ count: returned }, 'jobs without a live delivery go back into the outbox')
    nudge()
  }

  const loop: Loop = createLoop({ name: 'reconciler', intervalMs: sweepMs, log }, sweep)
  return loop
}

/** Outside the sweep's transaction: no row may stay locked while the queue store is asked. */
async function returnLostDeliveries(options: ReconcilerOptions): Promise<number> {
  let total = 0
  for (let size = sampleSize; ; size = fullSize) {
    const candidates = await takeForCheck(options.db, size)
    const lost = await withoutDelivery(options.queues, candidates)
    if (lost.length === 0) return total
    await returnLost(options.db, lost)
    total += lost.length
    if (candidates.length < size) return total
  }
}

/** What is handed over is due: a delayed delivery is of an earlier version, or of a worker whose clock was ahead. */
const dead = new Set(['completed', 'failed', 'unknown', 'delayed'])

async function withoutDelivery(queues: Queues, candidates: Checkable[]): Promise<Checkable[]> {
  const asked = candidates.map((each) => queues.get(each.queue).getJobState(`${each.id}-${each.delivery}`))
  const states = await within(5000, Promise.all(asked), 'the queue store')
  return candidates.filter(({ aged }, index) => {
    const state = states[index] ?? 'unknown'
    // On PostgreSQL a worker's lock lasts as long as its clock was ahead, also after its death.
    return dead.has(state) || (aged && state === 'active')
  })
}
