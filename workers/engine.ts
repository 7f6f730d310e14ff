import { type QueueName, queues } from '../src/catalog.ts'
import type { Context } from '../src/context.ts'
import {
  createLeaseKeeper,
  createQueueWorker,
  createReconciler,
  createRunner,
} from '../src/platform/jobs/index.ts'
import type { Service } from '../src/platform/process/lifecycle.ts'

/** What all queues of a worker process share. */
export interface WorkerEngine {
  worker(queue: QueueName): Service
  /** To start before the queues, and so to stop after them. */
  before: Service[]
  /** To start after the queues: stopped first, it begins the hand-over. */
  after: Service[]
}

/** Running jobs may end by themselves this long after a stop began; then they are handed over. */
const graceMs = 10_000

export function createWorkerEngine(ctx: Context): WorkerEngine {
  const { db, log, listener, dispatcher, jobs } = ctx
  const nudge = () => dispatcher.nudge()
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
    before: [frame, ctx.clock, listener, dispatcher, keeper, outcomes, ctx.health.monitor.service],
    after: [reconciler, handOver],
  }
}
