import type { Knex } from 'knex'
import { findOpenJob, hurryJob } from '../../../platform/jobs/index.ts'
import type { TrackerContext } from '../../context.ts'
import { nextRun } from '../../store/push/outbox.ts'
import { pushJob, pushSubject } from './job.ts'

/**
 * Writes something that a slave's master is to hear of: it gets the number of a run, and the push job exists once it
 * is committed. Elsewhere it is just the work.
 */
export async function asRun<T>(
  trx: Knex.Transaction,
  context: TrackerContext,
  work: (run: number) => Promise<T>,
): Promise<T> {
  if (context.config.master === undefined) return work(0)
  const run = await nextRun(trx)
  const result = await work(run)
  await ensurePushJob(trx, context)
  return result
}

/**
 * One job pushes at a time: it takes along what came after it was made. One that waits to send rejected items again is
 * due at once. The caller holds the outbox's lock.
 */
async function ensurePushJob(trx: Knex.Transaction, context: TrackerContext): Promise<void> {
  const open = await findOpenJob(trx, pushSubject)
  if (open?.state === 'queued') return hurryJob(trx, open.id)
  if (open !== undefined) return
  await context.enqueue(trx, pushJob, { payload: {}, subject: pushSubject })
}
