import type { CloudContext } from '../context.ts'
import type { Consumer, Message, Queue } from '../store/queues.ts'
import { callHandler, type EventResult } from '../triggers/call-handler.ts'

/** Cloudflare's defaults. */
const defaults = { batchSize: 10, maxRetries: 3, maxWaitMs: 5000, retentionSeconds: 345_600 }
/** Cloudflare starts up to 250 consumers at once; on one machine a few are enough. */
const maxConcurrency = 5
/** The wait after a delivery that did not reach the Worker. */
const faultDelayMs = 5000
const maxTimerMs = 86_400_000

/** Delivers the messages of queues with a Worker as their consumer. All state is in the database. */
export class QueueBroker {
  readonly #cloud: () => CloudContext
  readonly #timers = new Map<string, NodeJS.Timeout>()
  readonly #running = new Map<string, number>()
  #stopped = false

  /** @param cloud is called later, because the cloud contains the broker */
  constructor(cloud: () => CloudContext) {
    this.#cloud = cloud
  }

  /** Continues with the stored messages. */
  start(): void {
    for (const { id } of this.#cloud().store.queues.list()) this.wake(id)
  }

  stop(): void {
    this.#stopped = true
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#timers.clear()
  }

  /** Delivers what is due, and schedules the rest. Called after every change of a queue. */
  wake(queueId: string): void {
    clearTimeout(this.#timers.get(queueId))
    this.#timers.delete(queueId)
    if (this.#stopped) return
    const { store, clock } = this.#cloud()
    const queue = store.queues.find(queueId)
    const consumer = store.queues.consumerOf(queueId)
    if (queue === undefined) return
    const { message_retention_period: retention = defaults.retentionSeconds } = queue.settings
    store.queues.expire(queueId, clock() - retention * 1000)
    if (consumer?.type !== 'worker' || queue.settings.delivery_paused) return
    const { batch_size: size = defaults.batchSize, max_wait_time_ms: wait = defaults.maxWaitMs } =
      consumer.settings
    const limit = Math.min(consumer.settings.max_concurrency ?? maxConcurrency, maxConcurrency)
    while ((this.#running.get(queueId) ?? 0) < limit) {
      const now = clock()
      const { ready, firstAt } = store.queues.due(queueId, now)
      if (firstAt === undefined) return
      if (ready < size && firstAt + wait > now) {
        this.#wakeAt(queueId, firstAt + wait - now)
        return
      }
      this.#deliver(queue, consumer, store.queues.claim(queueId, size, now))
    }
  }

  #wakeAt(queueId: string, ms: number): void {
    const timer = setTimeout(() => this.wake(queueId), Math.min(ms, maxTimerMs)).unref()
    this.#timers.set(queueId, timer)
  }

  #deliver(queue: Queue, consumer: Consumer, messages: Message[]): void {
    this.#running.set(queue.id, (this.#running.get(queue.id) ?? 0) + 1)
    const done = (settle: () => void) => {
      this.#running.set(queue.id, (this.#running.get(queue.id) ?? 1) - 1)
      // A stopped cloud has closed its database; its next start delivers the messages again.
      if (this.#stopped) return
      settle()
      this.wake(queue.id)
    }
    this.#call(queue, consumer, messages).then(
      (result) => done(() => this.#settle(consumer, messages, result)),
      (error: unknown) =>
        done(() => {
          this.#cloud().log.warn({ err: error, queue: queue.name }, 'Could not deliver messages of a queue')
          const at = this.#cloud().clock() + faultDelayMs
          for (const { id } of messages) this.#cloud().store.queues.retry(id, at)
        }),
    )
  }

  async #call(queue: Queue, { scriptId }: Consumer, messages: Message[]): Promise<EventResult> {
    const script = scriptId === null ? undefined : this.#cloud().store.scripts.byId(scriptId)
    if (script === undefined) throw new Error('the consumer is gone')
    const result = await callHandler(this.#cloud(), script, {
      type: 'queue',
      queue: queue.name,
      messages: messages.map(({ id, sentAt, attempts, body, contentType }) => ({
        id,
        timestamp: sentAt,
        attempts,
        body: { contentType, text: body },
      })),
    })
    if (result === undefined) throw new Error('no version of the consumer is deployed')
    return result
  }

  /** Applies the result of a handler: an explicit acknowledgement of a message wins over a retry of its batch. */
  #settle({ settings, deadLetterQueue }: Consumer, messages: Message[], result: EventResult): void {
    const { store, clock } = this.#cloud()
    const now = clock()
    const { max_retries: maxRetries = defaults.maxRetries, retry_delay: retryDelay = 0 } = settings
    const acknowledged = new Set(result.explicitAcks)
    const retried = new Map((result.retryMessages ?? []).map((each) => [each.msgId, each.delaySeconds]))
    const retriesAll = result.outcome !== 'ok' || result.retryBatch?.retry === true
    const dead = deadLetterQueue === null ? undefined : store.queues.named(deadLetterQueue)
    store.transaction(() => {
      for (const { id, attempts } of messages) {
        if (acknowledged.has(id) || !(retriesAll || retried.has(id))) store.queues.acknowledge([id])
        else if (attempts <= maxRetries) {
          const delay = retried.get(id) ?? result.retryBatch?.delaySeconds ?? retryDelay
          store.queues.retry(id, now + delay * 1000)
        } else if (dead === undefined) store.queues.acknowledge([id])
        else store.queues.move(id, dead.id, now)
      }
    })
    if (dead !== undefined) this.wake(dead.id)
  }
}
