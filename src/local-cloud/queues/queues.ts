import type { z } from 'zod'
import type { CloudContext } from '../context.ts'
import { ApiError } from '../errors.ts'
import { deployedVersions, servingVersion } from '../scripts/deploy.ts'
import type { Consumer, NewMessage, Queue } from '../store/queues.ts'
import { type consumerBody, type createBody, queueName, type updateBody } from './schema.ts'

/** @throws ApiError 11000 if no queue has the id or name */
export function requireQueue(cloud: CloudContext, idOrName: string): Queue {
  const found = cloud.store.queues.find(idOrName) ?? cloud.store.queues.named(idOrName)
  if (found === undefined) throw new ApiError('queueNotFound', `The queue '${idOrName}' does not exist.`)
  return found
}

/** @throws ApiError 11003 or 11009 */
export function createQueue(cloud: CloudContext, body: z.infer<typeof createBody>): Queue {
  const { queue_name: name, settings = {} } = body
  checkName(cloud, name)
  const id = cloud.store.queues.create(name, settings, new Date(cloud.clock()).toISOString())
  return requireQueue(cloud, id)
}

/** Changes what the body mentions. @throws ApiError 11000, 11003 or 11009 */
export function updateQueue(cloud: CloudContext, id: string, body: z.infer<typeof updateBody>): Queue {
  const queue = requireQueue(cloud, id)
  const { queue_name: name = queue.name, settings = {} } = body
  if (name !== queue.name) checkName(cloud, name)
  const change = { name, settings: { ...queue.settings, ...settings } }
  cloud.store.queues.update(queue.id, change, new Date(cloud.clock()).toISOString())
  cloud.broker.wake(queue.id)
  return requireQueue(cloud, queue.id)
}

function checkName(cloud: CloudContext, name: string): void {
  if (!queueName.test(name)) throw new ApiError('invalidQueueName')
  if (cloud.store.queues.named(name) !== undefined) throw new ApiError('queueExists')
}

/** @throws ApiError 11000, or 11005 if a deployed version sends to the queue */
export function deleteQueue(cloud: CloudContext, id: string): void {
  const queue = requireQueue(cloud, id)
  const [producer] = producersOf(cloud, queue)
  if (producer !== undefined) {
    throw new ApiError('queueInUse', `The queue is bound to the Worker '${producer}'.`)
  }
  cloud.store.queues.delete(queue.id)
}

/** The names of the scripts that have a deployed version with a binding to the queue. */
export function producersOf(cloud: CloudContext, { name }: Queue): string[] {
  return cloud.store.scripts
    .list()
    .filter((script) =>
      deployedVersions(cloud, script).some(({ version }) =>
        version.bindings.some((binding) => binding.type === 'queue' && binding.queue_name === name),
      ),
    )
    .map((script) => script.name)
}

type ConsumerBody = z.infer<typeof consumerBody>

/** @throws ApiError 11000, 11001, 11004 or 10007 */
export function createConsumer(cloud: CloudContext, queueId: string, body: ConsumerBody): Consumer {
  const queue = requireQueue(cloud, queueId)
  if (cloud.store.queues.consumerOf(queue.id) !== undefined) throw new ApiError('queueHasConsumer')
  return putConsumer(cloud, queue, body)
}

/** @throws ApiError 11000, 11001, 11006 or 10007 */
export function replaceConsumer(
  cloud: CloudContext,
  { queueId, consumerId }: { queueId: string; consumerId: string },
  body: ConsumerBody,
): Consumer {
  return putConsumer(cloud, requireConsumer(cloud, queueId, consumerId).queue, body)
}

/** @throws ApiError 11000 or 11006 */
export function requireConsumer(
  cloud: CloudContext,
  queueId: string,
  consumerId: string,
): { queue: Queue; consumer: Consumer } {
  const queue = requireQueue(cloud, queueId)
  const consumer = cloud.store.queues.consumerOf(queue.id)
  if (consumer?.id !== consumerId) throw new ApiError('queueConsumerNotFound')
  return { queue, consumer }
}

function putConsumer(cloud: CloudContext, queue: Queue, body: ConsumerBody): Consumer {
  const script = body.type === 'worker' ? cloud.store.scripts.find(body.script_name) : undefined
  if (body.type === 'worker') {
    if (script === undefined) throw new ApiError('scriptNotFound')
    if (!servingVersion(cloud, script)?.code.handlers.includes('queue')) throw new ApiError('noQueueHandler')
  }
  cloud.store.queues.putConsumer({
    queueId: queue.id,
    scriptId: script?.id ?? null,
    type: body.type,
    deadLetterQueue: body.dead_letter_queue || null,
    settings: body.settings ?? {},
    createdOn: new Date(cloud.clock()).toISOString(),
  })
  const consumer = cloud.store.queues.consumerOf(queue.id)
  if (consumer === undefined) throw new Error('the consumer is missing after it was stored')
  cloud.broker.wake(queue.id)
  return consumer
}

/** The largest message: 128 KB. */
const maxMessageBytes = 128_000

/** Stores messages; they are durable when the function returns. @throws ApiError 11000 or 10026 */
export function sendMessages(
  cloud: CloudContext,
  queueId: string,
  messages: (Omit<NewMessage, 'visibleAt'> & { delaySeconds?: number | undefined })[],
): void {
  const queue = requireQueue(cloud, queueId)
  const now = cloud.clock()
  for (const { body } of messages) {
    if (Buffer.byteLength(body) > maxMessageBytes) {
      throw new ApiError('invalidBody', `A message has more than ${maxMessageBytes} bytes.`)
    }
  }
  const rows = messages.map(({ body, contentType, delaySeconds = queue.settings.delivery_delay ?? 0 }) => ({
    body,
    contentType,
    visibleAt: now + delaySeconds * 1000,
  }))
  cloud.store.transaction(() => cloud.store.queues.send(queue.id, rows, now))
  cloud.broker.wake(queue.id)
}
