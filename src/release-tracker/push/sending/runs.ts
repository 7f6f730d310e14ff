import type { Knex } from 'knex'
import { findOpenJob, makeJobDue } from '../../../platform/jobs/index.ts'
import type { TrackerContext } from '../../context.ts'
import { nextRun } from '../../store/push/outbox.ts'
import { pushJob, pushSubject } from './job.ts'

/**
 * Writes changes that a slave must send to its master. They get the number of a run, and the push job is enqueued in the
 * same transaction. In other modes only `work` is called, with run 0.
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
 * Only one push job is open at a time; it also sends later runs. If it waits to retry rejected items, it becomes due at
 * once. The caller holds the lock of the outbox.
 */
async function ensurePushJob(trx: Knex.Transaction, context: TrackerContext): Promise<void> {
  const open = await findOpenJob(trx, pushSubject)
  if (open?.state === 'queued') return makeJobDue(trx, open.id)
  if (open !== undefined) return
  await context.enqueue(trx, pushJob, { payload: {}, subject: pushSubject })
}
