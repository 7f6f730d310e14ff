import type { z } from 'zod'
import type { CloudContext } from '../context.ts'
import { ApiError } from '../errors.ts'
import type { Consumer, LeasedMessage, Queue } from '../store/queues.ts'
import { requireQueue } from './queues.ts'
import type { ackBody, pullBody } from './schema.ts'

/** Cloudflare's defaults. */
const defaults = { batchSize: 5, visibilityMs: 30_000, maxRetries: 3 }

/** @throws ApiError 11000, or 11006 if no client may pull from the queue */
function requirePullConsumer(cloud: CloudContext, queueId: string): { queue: Queue; consumer: Consumer } {
  const queue = requireQueue(cloud, queueId)
  const consumer = cloud.store.queues.consumerOf(queue.id)
  if (consumer?.type !== 'http_pull') throw new ApiError('noPullConsumer')
  return { queue, consumer }
}

/**
 * Leases the oldest messages to a client. A message whose lease ends without an answer can be pulled again; after the
 * maximum of retries it goes to the dead letter queue.
 * @throws ApiError 11000 or 11006
 */
export function pullMessages(
  cloud: CloudContext,
  queueId: string,
  {
    batch_size: limit,
    visibility_timeout_ms: ms,
    visibility_timeout: visibilityMs = ms,
  }: z.infer<typeof pullBody>,
): LeasedMessage[] {
  const { queue, consumer } = requirePullConsumer(cloud, queueId)
  const { settings } = consumer
  const now = cloud.clock()
  const until = now + (visibilityMs ?? settings.visibility_timeout_ms ?? defaults.visibilityMs)
  const wanted = { limit: limit ?? settings.batch_size ?? defaults.batchSize, now, until }
  if (queue.settings.delivery_paused) return []
  const { max_retries: maxRetries = defaults.maxRetries } = settings
  // Also deletes the messages that are too old.
  cloud.broker.wake(queue.id)
  const leased = cloud.store.transaction(() => {
    const found = cloud.store.queues.lease(queue.id, wanted)
    const isSpent = ({ attempts }: LeasedMessage) => attempts > maxRetries + 1
    for (const { id } of found.filter(isSpent)) drop(cloud, consumer, id)
    return found.filter((message) => !isSpent(message))
  })
  wakeDeadLetters(cloud, consumer)
  return leased
}

export interface Acknowledged {
  ackCount: number
  retryCount: number
  /** Why a lease had no effect, by its id. */
  warnings: Record<string, string>
}

/** Ends leases: deletes the acknowledged messages, and returns the others to the queue. @throws ApiError 11000 or 11006 */
export function acknowledge(
  cloud: CloudContext,
  queueId: string,
  { acks = [], retries = [] }: z.infer<typeof ackBody>,
): Acknowledged {
  const { queue, consumer } = requirePullConsumer(cloud, queueId)
  const { max_retries: maxRetries = defaults.maxRetries, retry_delay: retryDelay = 0 } = consumer.settings
  const { queues } = cloud.store
  const now = cloud.clock()
  const done: Acknowledged = { ackCount: 0, retryCount: 0, warnings: {} }
  const leased = (leaseId: string) => {
    const message = queues.leased(queue.id, leaseId, now)
    if (message === undefined) done.warnings[leaseId] = 'The lease has ended or does not exist.'
    return message
  }
  cloud.store.transaction(() => {
    for (const { lease_id: leaseId } of acks) {
      const message = leased(leaseId)
      if (message === undefined) continue
      queues.acknowledge([message.id])
      done.ackCount += 1
    }
    for (const { lease_id: leaseId, delay_seconds: delay = retryDelay } of retries) {
      const message = leased(leaseId)
      if (message === undefined) continue
      queues.endLease(leaseId)
      if (message.attempts > maxRetries) drop(cloud, consumer, message.id)
      else queues.retry(message.id, now + delay * 1000)
      done.retryCount += 1
    }
  })
  wakeDeadLetters(cloud, consumer)
  return done
}

/** Moves a message to the dead letter queue, or deletes it without one. */
function drop({ store, clock }: CloudContext, { deadLetterQueue }: Consumer, id: string): void {
  const dead = deadLetterQueue === null ? undefined : store.queues.named(deadLetterQueue)
  if (dead === undefined) store.queues.acknowledge([id])
  else store.queues.move(id, dead.id, clock())
}

function wakeDeadLetters({ store, broker }: CloudContext, { deadLetterQueue }: Consumer): void {
  const dead = deadLetterQueue === null ? undefined : store.queues.named(deadLetterQueue)
  if (dead !== undefined) broker.wake(dead.id)
}
