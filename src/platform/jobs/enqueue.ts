import { randomUUID } from 'node:crypto'
import type { Knex } from 'knex'
import type { JobSpec } from './definition.ts'
import { insertJobs } from './store.ts'

export interface EnqueueOptions {
  /** The object that the job works on, e.g. `deployment:<id>`; a filter of `GET /jobs`. */
  subject?: string
  /** The id of the principal that requested the job. */
  owner?: string
  correlationId?: string
  maxAttempts?: number
  /** Milliseconds from now until the job may run, by the database's clock. */
  delayMs?: number
}

export type Enqueue = <P>(
  trx: Knex.Transaction,
  spec: JobSpec<P>,
  job: { payload: P } & EnqueueOptions,
) => Promise<string>

/**
 * Inserts a job in the caller's transaction: the job exists if and only if the transaction commits. The row is also
 * the job's outbox entry.
 * @param nudge wakes this process's dispatcher after the commit
 * @returns a function that resolves with the job's id. @throws ZodError for a payload that does not match the spec
 */
export function createEnqueue(nudge: () => void): Enqueue {
  return async (trx, spec, job) => {
    const { payload, maxAttempts = spec.maxAttempts, ...options } = job
    const id = randomUUID()
    const { queue, name } = spec
    await insertJobs(trx, [
      { id, queue, name, payload: spec.payload.parse(payload), maxAttempts, ...options },
    ])
    trx.executionPromise.then(nudge, () => undefined)
    return id
  }
}
