import type { Knex } from 'knex'
import { pruneAccounts } from './accounts/index.ts'
import { type Deployments, deployStepJob, rollbackJob } from './deployments/index.ts'
import { type Orchestrators, pollCycleJob, pollShardJob } from './orchestrators/index.ts'
import { type BoundJob, bindJob, pruneIdempotencyKeys, pruneJobs } from './platform/jobs/index.ts'
import { pruneJob } from './platform/maintenance.ts'

/** Every queue, and how many of its jobs one worker process runs at once. */
export const queues = {
  'deploy-step': { concurrency: 20 },
  rollback: { concurrency: 10 },
  // A cycle and its parts wait for nodes most of the time.
  'poll-orchestrators': { concurrency: 4 },
  maintenance: { concurrency: 1 },
} as const
export type QueueName = keyof typeof queues
export const queueNames = Object.keys(queues) as QueueName[]

// Finished jobs and their events stay for a month; idempotency keys for a day.
const finishedJobs = { days: 30, limit: 1000 }
const idempotencyHours = 24

/** Every job with the services that do its work. */
export function bindCatalog(services: {
  db: Knex
  deployments: Deployments
  orchestrators: Orchestrators
  pollIntervalMs: number
}): BoundJob[] {
  const { db, deployments, orchestrators, pollIntervalMs } = services
  const housekeeping = [
    { name: 'jobs', run: () => pruneJobs(db, finishedJobs) },
    { name: 'idempotency keys', run: () => pruneIdempotencyKeys(db, idempotencyHours) },
    { name: 'accounts', run: () => pruneAccounts(db) },
    { name: 'plans', run: () => deployments.prune() },
    ...orchestrators.housekeeping,
  ]
  return [
    bindJob(deployStepJob, deployments.engine),
    bindJob(rollbackJob, deployments.engine),
    bindJob(pollCycleJob, orchestrators.polling, { schedule: { everyMs: pollIntervalMs } }),
    bindJob(pollShardJob, orchestrators.polling),
    bindJob(pruneJob, housekeeping),
  ]
}
