export { createJobActions, type JobActions } from './actions.ts'
export { makeJobDue } from './changes.ts'
export {
  type BoundJob,
  bindJob,
  type Commit,
  type Job,
  type JobDefinition,
  type JobEnd,
  type JobSpec,
  LostLease,
  type Outcome,
  type Run,
  type Schedule,
} from './definition.ts'
export { type DescribedJob, describeJobs } from './describe.ts'
export { createEnqueue, type Enqueue } from './enqueue.ts'
export { createLeaseKeeper } from './execution/lease-keeper.ts'
export { createQueueWorker } from './execution/queue-worker.ts'
export { createRunner } from './execution/runner.ts'
export { createOutboxDispatcher, type OutboxDispatcher } from './outbox/dispatcher.ts'
export { createReconciler } from './outbox/reconciler.ts'
export { pruneIdempotencyKeys, pruneJobs } from './prune.ts'
export { jobRoutes } from './routes.ts'
export { findJob, findOpenJob } from './store.ts'
