export { registerJobCommands } from './commands.ts'
export {
  type BoundJob,
  bindJob,
  type Commit,
  type Ending,
  type Job,
  type JobDefinition,
  LostLease,
  type Outcome,
  type Run,
  type Schedule,
} from './definition.ts'
export { type DescribedJob, describeJobs } from './describe.ts'
export { createDispatcher, type Dispatcher } from './dispatcher.ts'
export { createEnqueue, type Enqueue } from './enqueue.ts'
export { createLeaseKeeper } from './lease-keeper.ts'
export { createQueueWorker } from './queue-worker.ts'
export { createReconciler } from './reconciler.ts'
export { jobRoutes, jobView } from './routes.ts'
export { createRunner } from './runner.ts'
export { findJob, findOpenJob, hurryJob, pruneIdempotencyKeys, pruneJobs } from './store.ts'
export { createJobVerbs, type JobVerbs } from './verbs.ts'
