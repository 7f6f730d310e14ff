import { UnrecoverableError, type Worker } from 'bullmq'
import { within } from '../../deadline.ts'
import type { Service } from '../../process/lifecycle.ts'
import type { DeliveryJob, Queues } from '../../queues/index.ts'
import type { Runner } from './runner.ts'

/** How long a stop waits for a queue store that may be away. */
const awayMs = 2000

/**
 * One queue's worker: fetches deliveries and tells the library how they ended. The only place that speaks its
 * vocabulary. Failure reasons are our error codes: they are readable by every operator.
 */
export function createQueueWorker(options: {
  queue: string
  concurrency: number
  queues: Queues
  runner: Runner
}): Service & { running: () => boolean } {
  const { queue, concurrency, queues, runner } = options
  let worker: Worker | undefined
  let started = false
  let stopped = false
  const running = new Set<Promise<unknown>>()

  async function process(delivery: DeliveryJob): Promise<void> {
    const run = runner.run(delivery)
    running.add(run)
    const end = await run.finally(() => running.delete(run))
    if (end.kind === 'failed') throw new UnrecoverableError(end.code)
  }

  function fetch(): void {
    if (stopped) return
    worker = queues.createWorker(queue, process, { concurrency })
    worker.run().catch(() => undefined)
  }

  return {
    name: `worker:${queue}`,
    running: () => worker?.isRunning() ?? false,
    async start() {
      if (started || stopped) return
      started = true
      // Not awaited: a database or queue store that is unreachable must not keep the process from starting.
      queues.ready().then(fetch, () => undefined)
    },
    /** Fetches nothing more and waits for the deliveries at hand. */
    async stop() {
      stopped = true
      if (worker === undefined) return
      // The library leaves a connection behind that is being made while it closes.
      await within(awayMs, worker.waitUntilReady(), 'the queue store').catch(() => undefined)
      const closing = worker.close()
      while (running.size > 0) await Promise.allSettled(running)
      // It would wait for ever for a queue store that is away; the rows say all that matters.
      await within(awayMs, closing, 'the queue store').catch(() => undefined)
    },
  }
}
