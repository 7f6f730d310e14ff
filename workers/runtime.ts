import { type QueueName, queues } from '../src/catalog.ts'
import type { Context } from '../src/context.ts'
import {
  createLeaseKeeper,
  createQueueWorker,
  createReconciler,
  createRunner,
} from '../src/platform/jobs/index.ts'
import type { Service } from '../src/platform/process/lifecycle.ts'

/** The parts of a worker process that all its queues share. */
export interface WorkerRuntime {
  worker(queue: QueueName): Service
  /** Services that start before the queues and therefore stop after them. */
  before: Service[]
  /** Services that start after the queues and therefore stop first, which begins the hand-over. */
  after: Service[]
}

/** The time in which running jobs may finish after a stop has begun; the rest is then handed over. */
const graceMs = 10_000

export function createWorkerRuntime(ctx: Context): WorkerRuntime {
  const { db, log, listener, outboxDispatcher, jobs } = ctx
  const nudge = () => outboxDispatcher.nudge()
  const keeper = createLeaseKeeper({ db, listener, log })
  const runner = createRunner({ db, jobs, keeper, log, nudge })
  const reconciler = createReconciler({ db, queues: ctx.queues, jobs, log, nudge })
  const frame: Service = { name: 'context', start: async () => undefined, stop: () => ctx.dispose() }
  const outcomes: Service = { name: 'outcomes', start: async () => undefined, stop: () => runner.idle() }
  const handOver: Service = {
    name: 'hand-over',
    start: async () => undefined,
    async stop() {
      setTimeout(() => keeper.abortAll('shutdown'), graceMs).unref()
    },
  }
  return {
    worker: (queue) => {
      const { concurrency } = queues[queue]
      return createQueueWorker({ queue, concurrency, queues: ctx.queues, runner })
    },
    before: [frame, ctx.clock, listener, outboxDispatcher, keeper, outcomes, ctx.health.monitor.service],
    after: [reconciler, handOver],
  }
}
