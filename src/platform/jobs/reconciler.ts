import type { Knex } from 'knex'
import { within } from '../deadline.ts'
import { createLoop, type Loop } from '../lifecycle.ts'
import type { Logger } from '../logging.ts'
import type { Queues } from '../queues/index.ts'
import type { BoundJob } from './definition.ts'
import { type Checkable, returnExpiredLeases, returnLost, takeForCheck } from './outbox.ts'
import { ensureSchedules } from './schedules.ts'

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

/**
 * Finds work without a live delivery and puts it back into the outbox: expired leases at once, and rows whose
 * delivery the queue store no longer knows. Any number of processes may run it; a sweep is done by one.
 */
export function createReconciler(options: ReconcilerOptions): Loop {
  const { db, log, nudge } = options
  let sweeps = 0

  async function sweep(): Promise<void> {
    // In a transaction of its own: an unreachable queue store must not undo it.
    let returned = await returnExpiredLeases(db)
    if (returned > 0) nudge()
    await db.transaction(async (trx) => {
      const { rows } = await trx.raw('select pg_try_advisory_xact_lock(7041002) as mine')
      if (!rows[0].mine) return
      if (sweeps++ % 10 === 0) await ensureSchedules(options.queues, options.jobs)
      returned += await returnLostDeliveries(options)
    })
    if (returned === 0) return
    log.info({ count: returned }, 'jobs without a live delivery go back into the outbox')
    nudge()
  }

  return createLoop({ name: 'reconciler', intervalMs: 1000, log }, sweep)
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

const dead = new Set(['completed', 'failed', 'unknown'])

async function withoutDelivery(queues: Queues, candidates: Checkable[]): Promise<Checkable[]> {
  const asked = candidates.map((each) => queues.get(each.queue).getJobState(`${each.id}-${each.delivery}`))
  const states = await within(5000, Promise.all(asked), 'the queue store')
  return candidates.filter((_, index) => dead.has(states[index] ?? 'unknown'))
}
