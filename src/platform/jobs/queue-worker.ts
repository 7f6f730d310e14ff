import { DelayedError, UnrecoverableError, type Worker } from 'bullmq'
import { within } from '../deadline.ts'
import type { Service } from '../lifecycle.ts'
import type { DeliveryJob, Queues } from '../queues/index.ts'
import type { Runner } from './runner.ts'

/** How long a stop waits for a queue store that may be away. */
const awayMs = 2000

/** Carries the delay that the row was given to the library's backoff, so that both agree. */
class RetryLater extends Error {
  override name = 'RetryLater'
  readonly delayMs: number

  constructor(code: string, delayMs: number) {
    super(code)
    this.delayMs = delayMs
  }
}

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
  let stopped = false
  const running = new Set<Promise<unknown>>()

  async function process(delivery: DeliveryJob, token?: string): Promise<void> {
    const run = runner.run(delivery)
    running.add(run)
    const end = await run.finally(() => running.delete(run))
    switch (end.kind) {
      case 'completed':
        return
      case 'retry':
        throw new RetryLater(end.code, end.delayMs)
      case 'failed':
        throw new UnrecoverableError(end.code)
      case 'later':
        await delivery.moveToDelayed(Date.now() + end.delayMs, token)
        throw new DelayedError()
    }
  }

  return {
    name: `worker:${queue}`,
    running: () => worker?.isRunning() ?? false,
    async start() {
      if (worker !== undefined || stopped) return
      const backoff = (error: unknown) => (error instanceof RetryLater ? error.delayMs : 1000)
      worker = queues.createWorker(queue, process, { concurrency, backoff })
      // Not awaited: a queue store that is away must not keep the process from starting; it is waited for.
      worker.run().catch(() => undefined)
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
