import { randomUUID } from 'node:crypto'
import type { Knex } from 'knex'
import type { JobSpec } from './definition.ts'
import { insertJobs } from './store.ts'

export interface EnqueueOptions {
  /** What the job is about, e.g. `deployment:<id>`; a filter of `GET /jobs`. */
  subject?: string
  /** The principal who asked for it. */
  owner?: string
  correlationId?: string
  maxAttempts?: number
  /** Milliseconds from now until it may run, by the database's clock. */
  delayMs?: number
}

export type Enqueue = <P>(
  trx: Knex.Transaction,
  spec: JobSpec<P>,
  job: { payload: P } & EnqueueOptions,
) => Promise<string>

/**
 * Makes a job exist exactly when the caller's transaction commits; the row is also the outbox.
 * @param nudge wakes this process's dispatcher after the commit.
 * @returns a function that answers the job's id. @throws ZodError for a payload that does not match the spec.
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
