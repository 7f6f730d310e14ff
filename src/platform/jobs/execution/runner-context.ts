import { hostname } from 'node:os'
import type { Knex } from 'knex'
import { type Batcher, createBatcher } from '../../batcher.ts'
import type { Logger } from '../../logging/logging.ts'
import { retryWhileDatabaseUnavailable } from '../../postgres/db.ts'
import type { BoundJob } from '../definition.ts'
import type { LeaseKeeper } from './lease-keeper.ts'
import { type ClaimResult, claimJobs, type Finish, finishRuns, type Lease, writeProgress } from './leases.ts'

export interface RunnerOptions {
  db: Knex
  jobs: readonly BoundJob[]
  keeper: LeaseKeeper
  log: Logger
  /** Wakes the dispatcher after a job was returned to the outbox. */
  nudge: () => void
}

/**
 * The state shared by the stages of the pipeline. The batchers combine the writes of many attempts in one statement.
 */
export interface RunnerContext extends RunnerOptions {
  find(queue: string, name: string): BoundJob | undefined
  claims: Batcher<string, ClaimResult>
  finishes: Batcher<Finish, boolean>
  progress: Batcher<{ lease: Lease; value: unknown }, undefined>
}

export function createRunnerContext(options: RunnerOptions): RunnerContext {
  const { db } = options
  const worker = `${hostname()}:${process.pid}`
  const jobs = new Map(options.jobs.map((job) => [`${job.queue}/${job.name}`, job]))
  return {
    ...options,
    find: (queue, name) => jobs.get(`${queue}/${name}`),
    claims: createBatcher((ids) => retryWhileDatabaseUnavailable(() => claimJobs(db, ids, worker))),
    finishes: createBatcher((batch) =>
      retryWhileDatabaseUnavailable(async () => {
        const held = await finishRuns(db, batch)
        return batch.map((each) => held.has(each.lease.id))
      }),
    ),
    progress: createBatcher(async (batch) => {
      await writeProgress(db, [...new Map(batch.map((entry) => [entry.lease.id, entry])).values()])
      return batch.map(() => undefined)
    }),
  }
}
