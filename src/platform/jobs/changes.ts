import type { Knex } from 'knex'
import type { JobState } from './definition.ts'

/** The notifications of cancelled jobs; the payload is the job's id. */
export const jobsChannel = 'capstan_jobs'

/** Makes a delayed job due now. A job that is delivered or running stays as it is. */
export async function makeJobDue(trx: Knex.Transaction, id: string): Promise<void> {
  await trx('jobs')
    .where({ id, state: 'queued', undelivered: true })
    .whereRaw('run_at > clock_timestamp()')
    .update({ run_at: trx.raw('clock_timestamp()'), delay_ms: 0 })
}

/** Ends a job that no worker is running. */
export async function endJob(
  trx: Knex.Transaction,
  id: string,
  ending: { state: JobState; error?: unknown },
) {
  await trx('jobs')
    .where({ id })
    .update({
      state: ending.state,
      error: ending.error === undefined ? null : JSON.stringify(ending.error),
      lease_until: null,
      undelivered: false,
      finished_at: trx.fn.now(),
    })
}

/** Requests that the holder stops. The row's flag is decisive; the notification only shortens the delay. */
export async function requestCancel(trx: Knex.Transaction, id: string): Promise<void> {
  await trx('jobs')
    .where({ id })
    .whereNull('cancel_requested_at')
    .update({ cancel_requested_at: trx.fn.now() })
  await trx.raw('select pg_notify(?, ?)', [jobsChannel, id])
}

/** Queues a finished job again with `attempts` more attempts and resets its count of crashes. */
export async function reopenJob(trx: Knex.Transaction, id: string, attempts: number): Promise<void> {
  await trx('jobs')
    .where({ id })
    .update({
      state: 'queued',
      max_attempts: trx.raw('attempt + ?', [attempts]),
      crashes: 0,
      error: null,
      finished_at: null,
      cancel_requested_at: null,
      run_at: trx.fn.now(),
      delay_ms: 0,
      undelivered: true,
    })
}
