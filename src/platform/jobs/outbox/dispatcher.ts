import type { Knex } from 'knex'
import { within } from '../../deadline.ts'
import type { Logger } from '../../logging/logging.ts'
import { createLoop, type Loop } from '../../process/lifecycle.ts'
import type { Queues } from '../../queues/index.ts'
import { type Delivery, returnUndelivered, takeUndelivered } from './outbox.ts'

const batchSize = 100
const sweepMs = 1000

export interface Dispatcher extends Loop {
  /** False since the last time the queue store refused a delivery. */
  healthy(): boolean
}

/**
 * Hands rows of the outbox to the queue when they are due: at once when nudged, and in a sweep every second. If the process dies
 * between taking and handing over, the reconciler finds the row without a live delivery.
 */
export function createDispatcher(options: { db: Knex; queues: Queues; log: Logger }): Dispatcher {
  const { db, queues, log } = options
  let healthy = true
  let timer: NodeJS.Timeout | undefined
  const loop: Loop = createLoop({ name: 'dispatcher', intervalMs: sweepMs, log }, async (signal) => {
    await within(1000, queues.ready(), 'the database')
    // Nothing is taken while the store is away: what it got too late would come back as duplicates.
    if (!healthy) await within(1000, queues.ping(), 'the queue store')
    while (!signal.aborted) {
      healthy = queues.available()
      if (!healthy) return
      const { deliveries, nextInMs } = await takeUndelivered(db, batchSize)
      if (deliveries.length === 0) {
        clearTimeout(timer)
        if (nextInMs !== undefined && nextInMs < sweepMs) timer = setTimeout(loop.nudge, nextInMs).unref()
        return
      }
      const failed = await deliver(queues, deliveries)
      healthy = failed.length === 0
      if (!healthy) {
        log.warn({ count: failed.length }, 'the queue store refused deliveries; they stay in the outbox')
        await returnUndelivered(db, failed)
        return
      }
    }
  })
  return { ...loop, healthy: () => healthy }
}

async function deliver(queues: Queues, deliveries: Delivery[]): Promise<Delivery[]> {
  const failed: Delivery[] = []
  for (const [queue, group] of Map.groupBy(deliveries, (each) => each.queue)) {
    try {
      // A frozen queue store must not hold the outbox: what was taken goes back, and out under a new id.
      await within(3000, queues.get(queue).addBulk(group.map(toBullJob)), 'the queue store')
    } catch {
      failed.push(...group)
    }
  }
  return failed
}

/**
 * A new id for each delivery, since the library silently ignores an id that it still keeps. One attempt each: the row
 * counts attempts and waits between them.
 */
function toBullJob(delivery: Delivery) {
  return {
    name: delivery.name,
    data: { job: delivery.id },
    opts: {
      jobId: `${delivery.id}-${delivery.delivery}`,
      attempts: 1,
      keepLogs: 100,
      stackTraceLimit: 1,
      sizeLimit: 4096,
    },
  }
}
