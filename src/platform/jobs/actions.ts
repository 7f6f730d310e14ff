import type { Knex } from 'knex'
import type { Principal } from '../auth.ts'
import { conflict, notFound } from '../errors.ts'
import { appendEvents } from '../events/index.ts'
import { endJob, reopenJob, requestCancel } from './changes.ts'
import type { BoundJob, Job } from './definition.ts'
import { jobStream } from './execution/leases.ts'
import { findJob, lockJob, lockOpenJob } from './store.ts'

/**
 * The operations on jobs that users request by HTTP, command line or console, each in one transaction. `by` must have
 * the permissions that the job's domain requires; undefined means that Capstan itself acts.
 */
export interface JobActions {
  /** @throws SYS_005 for a job that does not exist or that the caller may not read */
  watch(db: Knex, id: string, by: Principal | undefined): Promise<Job>
  /** Ends a waiting job at once; requests that a running one ends. @throws SYS_005; STATE_001 if the job has ended */
  cancel(trx: Knex.Transaction, id: string, by?: Principal): Promise<Job>
  /** The oldest unfinished job of a subject in one queue, locked until the transaction ends. */
  lockOpen(trx: Knex.Transaction, filter: { subject: string; queue: string }): Promise<Job | undefined>
  /** Queues a failed or cancelled job again with its full number of attempts. @throws SYS_005, STATE_001 */
  retry(trx: Knex.Transaction, id: string, by?: Principal): Promise<Job>
}

/** @param nudge wakes this process's dispatcher after a commit. */
export function createJobActions(jobs: readonly BoundJob[], nudge: () => void): JobActions {
  const known = new Map(jobs.map((job) => [`${job.queue}/${job.name}`, job]))

  /** True for principals that may read all jobs, that started this job, or that its domain admits. */
  function mayWatch(job: Job, by: Principal): boolean {
    if (by.permissions.has('jobs:read') && (isAccount(by) || job.owner === by.id)) return true
    const definition = known.get(`${job.queue}/${job.name}`)
    const payload = definition?.payload.safeParse(job.payload)
    return (
      payload?.success === true &&
      definition?.mayWatch?.(definition.services, { payload: payload.data, principal: by }) === true
    )
  }

  async function changeable(trx: Knex.Transaction, id: string, by: Principal | undefined): Promise<Job> {
    const job = await locked(trx, id)
    if (by !== undefined && !isAccount(by) && job.owner !== by.id) throw notFound('Job')
    const definition = known.get(`${job.queue}/${job.name}`)
    const payload = definition?.payload.safeParse(job.payload)
    if (by !== undefined && payload?.success) {
      await definition?.authorizeChange?.(definition.services, trx, { payload: payload.data, principal: by })
    }
    return job
  }

  async function locked(trx: Knex.Transaction, id: string): Promise<Job> {
    const job = await lockJob(trx, id)
    if (job === undefined) throw notFound('Job')
    return job
  }

  async function cancelWaiting(trx: Knex.Transaction, job: Job): Promise<void> {
    const definition = known.get(`${job.queue}/${job.name}`)
    const payload = definition?.payload.safeParse(job.payload)
    if (payload?.success) {
      await definition?.onFinalState?.(definition.services, trx, {
        payload: payload.data,
        ending: { state: 'cancelled' },
      })
    }
    await endJob(trx, job.id, { state: 'cancelled' })
    const data = { state: 'cancelled', attempt: job.attempt, error: null }
    await appendEvents(trx, [{ stream: jobStream(job.id), type: 'end', data }])
  }

  return {
    async watch(db, id, by) {
      const job = await findJob(db, id)
      if (job === undefined || by === undefined || !mayWatch(job, by)) throw notFound('Job')
      return job
    },
    async cancel(trx, id, by) {
      const job = await changeable(trx, id, by)
      if (job.finishedAt !== null) throw conflict(`The job has ended: ${job.state}`, { state: job.state })
      if (job.state === 'running') await requestCancel(trx, id)
      else await cancelWaiting(trx, job)
      return locked(trx, id)
    },
    lockOpen: lockOpenJob,
    async retry(trx, id, by) {
      const job = await changeable(trx, id, by)
      const definition = known.get(`${job.queue}/${job.name}`)
      if (definition === undefined) throw conflict('This version has no handler for the job')
      if (definition.retryRefused !== undefined) {
        throw conflict(definition.retryRefused, {}, { suggestedAction: definition.retryRefused })
      }
      if (job.state !== 'failed' && job.state !== 'cancelled') {
        throw conflict(`Only a failed or cancelled job can be retried, this one is ${job.state}`, {
          state: job.state,
        })
      }
      await reopenJob(trx, id, definition.maxAttempts)
      const data = { state: 'queued', attempt: job.attempt, error: null }
      await appendEvents(trx, [{ stream: jobStream(id), type: 'state', data }])
      trx.executionPromise.then(nudge, () => undefined)
      return locked(trx, id)
    },
  }
}

/** True for an account's credentials. Others act for an external system and see only the jobs that they started. */
const isAccount = ({ kind }: Principal) => kind === 'session' || kind === 'jwt' || kind === 'api-token'
