import { UnrecoverableError, type Worker } from 'bullmq'
import { within } from '../../deadline.ts'
import type { Service } from '../../process/lifecycle.ts'
import type { DeliveryJob, Queues } from '../../queues/index.ts'
import type { Runner } from './runner.ts'

/** The time for which a stop waits for a queue store that may be unreachable. */
const storeUnavailableTimeoutMs = 2000

/**
 * The worker of one queue: fetches deliveries and reports their results to the queue library, in its terms. No other
 * file does. The reason of a failure is an error code, since every operator can read it.
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
      // Not awaited: the process must start even while the database or the queue store is unreachable.
      queues.ready().then(fetch, () => undefined)
    },
    /** Stops fetching and waits for the running deliveries. */
    async stop() {
      stopped = true
      if (worker === undefined) return
      // The library leaks a connection that it is opening while it closes.
      await within(storeUnavailableTimeoutMs, worker.waitUntilReady(), 'the queue store').catch(
        () => undefined,
      )
      const closing = worker.close()
      while (running.size > 0) await Promise.allSettled(running)
      // It would wait forever for an unreachable queue store; the rows hold everything that matters.
      await within(storeUnavailableTimeoutMs, closing, 'the queue store').catch(() => undefined)
    },
  }
}
