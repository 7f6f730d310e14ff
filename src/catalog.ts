import type { Knex } from 'knex'
import { pruneAccounts } from './accounts/index.ts'
import { type BinaryReleases, pointerJob, publishJob } from './binary-releases/index.ts'
import {
  type Deployments,
  deleteAppJob,
  deployStepJob,
  lateArrivalsJob,
  reportToGitHubJob,
  rollbackJob,
} from './deployments/index.ts'
import { type Orchestrators, pollCycleJob, pollShardJob } from './orchestrators/index.ts'
import { type BoundJob, bindJob, pruneIdempotencyKeys, pruneJobs } from './platform/jobs/index.ts'
import { pruneJob } from './platform/maintenance.ts'
import {
  checkPingsJob,
  collectJob,
  pingMasterJob,
  pushJob,
  type ReleaseTracker,
} from './release-tracker/index.ts'

/** All queues, with the number of jobs that one worker process runs at once. */
export const queues = {
  'deploy-step': { concurrency: 20 },
  rollback: { concurrency: 10 },
  // More than one: verifying a release of gigabytes must not block other releases or the housekeeping.
  maintenance: { concurrency: 4 },
  // One collection and one push at a time: both read or write large amounts.
  collect: { concurrency: 2 },
  ping: { concurrency: 2 },
  // Cycles and their shards wait for nodes most of the time.
  'poll-orchestrators': { concurrency: 4 },
} as const
export type QueueName = keyof typeof queues
export const queueNames = Object.keys(queues) as QueueName[]

// Finished jobs and their events are kept for a month, idempotency keys for a day.
const finishedJobs = { days: 30, limit: 1000 }
const idempotencyHours = 24

/** All jobs, bound to the services that they use. */
export function bindCatalog(services: {
  db: Knex
  deployments: Deployments
  binaryReleases: BinaryReleases
  releaseTracker: ReleaseTracker
  orchestrators: Orchestrators
}): BoundJob[] {
  const { db, deployments, binaryReleases, releaseTracker, orchestrators } = services
  const { context, schedules } = releaseTracker
  const housekeeping = [
    { name: 'jobs', run: () => pruneJobs(db, finishedJobs) },
    { name: 'idempotency keys', run: () => pruneIdempotencyKeys(db, idempotencyHours) },
    { name: 'accounts', run: () => pruneAccounts(db) },
    { name: 'plans', run: () => deployments.prune() },
    { name: 'seals of older keys', run: () => deployments.reseal() },
    { name: 'release drafts', run: () => binaryReleases.prune() },
    { name: 'changes of releases', run: () => releaseTracker.prune() },
    ...orchestrators.housekeeping,
  ]
  return [
    bindJob(deployStepJob, deployments.services),
    bindJob(rollbackJob, deployments.services),
    bindJob(lateArrivalsJob, deployments.services),
    bindJob(deleteAppJob, deployments.services),
    bindJob(reportToGitHubJob, deployments.records),
    bindJob(publishJob, binaryReleases.publishContext),
    bindJob(pointerJob, binaryReleases.publishContext),
    bindJob(collectJob, context, schedules.collect),
    bindJob(pushJob, context),
    bindJob(pingMasterJob, context, schedules.pingMaster),
    bindJob(checkPingsJob, context, schedules.checkPings),
    bindJob(pollCycleJob, orchestrators.polling, orchestrators.schedule),
    bindJob(pollShardJob, orchestrators.polling),
    bindJob(pruneJob, housekeeping),
  ]
}
