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

// A sample detects a lost queue store within one sweep; all rows are checked only then.
const sampleSize = 20
const fullSize = 500
const sweepMs = 1000

/**
 * Creates the jobs of due schedules, returns jobs without a live delivery to the outbox (expired leases, and deliveries
 * that the queue store has lost), and corrects times written by a clock that was ahead. Any number of processes may run
 * a reconciler; an advisory lock lets one of them sweep at a time.
 */
export function createReconciler(options: ReconcilerOptions): Loop {
  const { db, log, nudge } = options
  let sweeps = 0
  let timer: NodeJS.Timeout | undefined

  async function schedule(): Promise<void> {
    const { made, corrected, nextInMs } = await makeDueJobs(db, options.jobs)
    for (const key of corrected)
      log.warn({ name: key }, 'the next time of a schedule was more than one interval away; corrected to now')
    if (made > 0) nudge()
    clearTimeout(timer)
    if (nextInMs !== undefined && nextInMs < sweepMs) timer = setTimeout(loop.nudge, nextInMs).unref()
  }

  async function sweep(): Promise<void> {
    await schedule()
    const early = await correctFutureTimes(db)
    if (early > 0) {
      log.warn({ count: early }, 'the start times of jobs were later than their delay allows; corrected')
      nudge()
    }
    // A separate transaction, which an unreachable queue store cannot roll back.
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
    log.info({ count: returned }, 'jobs without a live delivery were returned to the outbox')
    nudge()
  }

  const loop: Loop = createLoop({ name: 'reconciler', intervalMs: sweepMs, log }, sweep)
  return loop
}

/** Runs outside the sweep's transaction, so that no row stays locked during calls to the queue store. */
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

/**
 * The states of a delivery that will never run. Only due jobs are delivered, so a delayed delivery comes from an
 * earlier version or from a worker whose clock was ahead.
 */
const lostDeliveryStates = new Set(['completed', 'failed', 'unknown', 'delayed'])

async function withoutDelivery(queues: Queues, candidates: Checkable[]): Promise<Checkable[]> {
  const lookups = candidates.map((each) => queues.get(each.queue).getJobState(`${each.id}-${each.delivery}`))
  const states = await within(5000, Promise.all(lookups), 'the queue store')
  return candidates.filter(({ aged }, index) => {
    const state = states[index] ?? 'unknown'
    // On PostgreSQL the lock of a dead worker lasts for as long as its clock was ahead.
    return lostDeliveryStates.has(state) || (aged && state === 'active')
  })
}
