import type { CloudContext } from '../../context.ts'
import { ApiError } from '../../errors.ts'
import {
  createConsumer,
  createQueue,
  deleteQueue,
  producersOf,
  replaceConsumer,
  requireConsumer,
  requireQueue,
  sendMessages,
  updateQueue,
} from '../../queues/queues.ts'
import {
  consumerBody,
  createBody,
  producedBody,
  purgeBody,
  pushBatchBody,
  pushBody,
  updateBody,
} from '../../queues/schema.ts'
import type { Consumer, Queue } from '../../store/queues.ts'
import { readJson } from '../body.ts'
import { paged } from '../envelope.ts'
import type { Call, Router } from '../router.ts'

const queues = '/accounts/{account}/queues'
const queue = `${queues}/{queue}`

/** The routes of queues, their consumers and messages. */
export function queueRoutes(router: Router, cloud: CloudContext): void {
  const found = (call: Call) => requireQueue(cloud, call.param('queue'))
  const view = (one: Queue) => queueView(cloud, one)
  router
    .on(`GET ${queues}`, ({ query }) => {
      const named = cloud.store.queues.list().filter(({ name }) => (query.get('name') ?? name) === name)
      const { items, info } = paged(named, query)
      return { result: items.map(view), resultInfo: info }
    })
    .on(`POST ${queues}`, async ({ req }) => ({
      result: view(createQueue(cloud, await readJson(req, createBody))),
    }))
    .on(`GET ${queue}`, (call) => ({ result: view(found(call)) }))
    .on(`PATCH ${queue}`, async (call) => ({
      result: view(updateQueue(cloud, call.param('queue'), await readJson(call.req, updateBody))),
    }))
    .on(`PUT ${queue}`, async (call) => ({
      result: view(updateQueue(cloud, call.param('queue'), await readJson(call.req, updateBody))),
    }))
    .on(`DELETE ${queue}`, ({ param }) => {
      deleteQueue(cloud, param('queue'))
      return { result: null }
    })
    .on(`GET ${queue}/metrics`, (call) => {
      const { count, bytes, oldestAt } = cloud.store.queues.backlog(found(call).id)
      return { result: { backlog_count: count, backlog_bytes: bytes, oldest_message_timestamp_ms: oldestAt } }
    })
    .on(`POST ${queue}/purge`, async (call) => {
      const { delete_messages_permanently: confirmed = false } = await readJson(call.req, purgeBody)
      if (!confirmed) throw new ApiError('invalidBody', 'delete_messages_permanently: must be true')
      cloud.store.queues.purge(found(call).id, new Date(cloud.clock()).toISOString())
      return { result: view(found(call)) }
    })
    .on(`GET ${queue}/purge`, (call) => {
      const { purgedAt } = found(call)
      const started = purgedAt === null ? {} : { started_at: purgedAt }
      return { result: { completed: String(purgedAt !== null), ...started } }
    })
  messageRoutes(router, cloud)
  consumerRoutes(router, cloud)
}

function messageRoutes(router: Router, cloud: CloudContext): void {
  const accepted = (id: string) => {
    const { count, bytes, oldestAt } = cloud.store.queues.backlog(id)
    const metrics = { backlog_count: count, backlog_bytes: bytes, oldest_message_timestamp_ms: oldestAt }
    return { result: { metadata: { metrics } } }
  }
  router
    .on(`POST ${queue}/messages`, async ({ req, param }) => {
      const { id } = requireQueue(cloud, param('queue'))
      sendMessages(cloud, id, [messageOf(await readJson(req, pushBody))])
      return accepted(id)
    })
    .on(`POST ${queue}/messages/batch`, async ({ req, param }) => {
      const { id } = requireQueue(cloud, param('queue'))
      const { messages, delay_seconds: delay } = await readJson(req, pushBatchBody)
      sendMessages(
        cloud,
        id,
        messages.map((each) => messageOf({ delay_seconds: delay, ...each })),
      )
      return accepted(id)
    })
}

function messageOf({ body, content_type: type = 'json', delay_seconds: delaySeconds }: PushedMessage) {
  if (type !== 'json' && typeof body !== 'string') {
    throw new ApiError('invalidBody', `body: must be a string with the content type ${type}`)
  }
  const text = type === 'json' ? JSON.stringify(body) : String(body)
  return { body: text, contentType: type, delaySeconds }
}

interface PushedMessage {
  body: unknown
  content_type?: 'json' | 'text' | 'bytes' | undefined
  delay_seconds?: number | undefined
}

function consumerRoutes(router: Router, cloud: CloudContext): void {
  const consumers = `${queue}/consumers`
  const view = (one: Consumer, call: Call) =>
    consumerView(cloud, one, requireQueue(cloud, call.param('queue')).name)
  const ids = ({ param }: Call) => ({ queueId: param('queue'), consumerId: param('consumer') })
  router
    .on(`GET ${consumers}`, (call) => {
      const consumer = cloud.store.queues.consumerOf(requireQueue(cloud, call.param('queue')).id)
      return { result: consumer === undefined ? [] : [view(consumer, call)] }
    })
    .on(`POST ${consumers}`, async (call) => {
      const body = await readJson(call.req, consumerBody)
      return { result: view(createConsumer(cloud, call.param('queue'), body), call) }
    })
    .on(`GET ${consumers}/{consumer}`, (call) => {
      const { queueId, consumerId } = ids(call)
      return { result: view(requireConsumer(cloud, queueId, consumerId).consumer, call) }
    })
    .on(`PUT ${consumers}/{consumer}`, async (call) => {
      const body = await readJson(call.req, consumerBody)
      return { result: view(replaceConsumer(cloud, ids(call), body), call) }
    })
    .on(`DELETE ${consumers}/{consumer}`, (call) => {
      const { queueId, consumerId } = ids(call)
      cloud.store.queues.deleteConsumer(requireConsumer(cloud, queueId, consumerId).consumer.id)
      return { result: null }
    })
}

function queueView(cloud: CloudContext, one: Queue) {
  const consumer = cloud.store.queues.consumerOf(one.id)
  const consumers = consumer === undefined ? [] : [consumerView(cloud, consumer, one.name)]
  const producers = producersOf(cloud, one).map((script) => ({ type: 'worker', script }))
  return {
    queue_id: one.id,
    queue_name: one.name,
    created_on: one.createdOn,
    modified_on: one.modifiedOn,
    settings: {
      delivery_delay: 0,
      delivery_paused: false,
      message_retention_period: 345_600,
      ...one.settings,
    },
    producers,
    producers_total_count: producers.length,
    consumers,
    consumers_total_count: consumers.length,
  }
}

function consumerView(cloud: CloudContext, consumer: Consumer, queueName: string) {
  const { id, scriptId, type, deadLetterQueue, settings, createdOn } = consumer
  const script = scriptId === null ? undefined : cloud.store.scripts.byId(scriptId)?.name
  return {
    consumer_id: id,
    type,
    queue_name: queueName,
    ...(script === undefined ? {} : { script, script_name: script }),
    dead_letter_queue: deadLetterQueue ?? '',
    settings: { batch_size: 10, max_retries: 3, ...settings },
    created_on: createdOn,
  }
}

/** The route to which producer bindings send. It is not part of Cloudflare's API. */
export function producerRoute(router: Router, cloud: CloudContext): void {
  router.on('POST /queues/{queue}/messages', async ({ req, param }) => {
    const { messages } = await readJson(req, producedBody, 1024 * 1024)
    sendMessages(cloud, param('queue'), messages)
    return { result: null }
  })
}
