import type { Knex } from 'knex'
import { within } from '../../deadline.ts'
import type { Logger } from '../../logging/logging.ts'
import { createLoop, type Loop } from '../../process/lifecycle.ts'
import type { Queues } from '../../queues/index.ts'
import { type Delivery, returnUndelivered, takeUndelivered } from './outbox.ts'

const batchSize = 100
const sweepMs = 1000

export interface OutboxDispatcher extends Loop {
  /** False from a refused delivery until the queue store accepts one. */
  healthy(): boolean
}

/**
 * Delivers due rows of the outbox to their queues: immediately when nudged, and in a sweep every second. If the process
 * dies between taking a row and delivering it, the reconciler finds the row without a live delivery.
 */
export function createOutboxDispatcher(options: { db: Knex; queues: Queues; log: Logger }): OutboxDispatcher {
  const { db, queues, log } = options
  let healthy = true
  let timer: NodeJS.Timeout | undefined
  const loop: Loop = createLoop({ name: 'dispatcher', intervalMs: sweepMs, log }, async (signal) => {
    await within(1000, queues.ready(), 'the database')
    // No row is taken while the store is unreachable: a delivery that reaches it late would be a duplicate.
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
      // A frozen queue store must not block the outbox: the rows return to it and are delivered under a new id.
      await within(3000, queues.get(queue).addBulk(group.map(toBullJob)), 'the queue store')
    } catch {
      failed.push(...group)
    }
  }
  return failed
}

/**
 * Each delivery has a new id, since the library silently ignores an id that it still stores. A delivery has one
 * attempt: the row counts attempts and holds the delay between them.
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
