import type { CloudContext } from '../../context.ts'
import { acknowledge, pullMessages } from '../../queues/pull.ts'
import { requireQueue } from '../../queues/queues.ts'
import { ackBody, peekBody, pullBody, purgeRefsBody } from '../../queues/schema.ts'
import type { Message } from '../../store/queues.ts'
import { readJson } from '../body.ts'
import type { Router } from '../router.ts'

const messages = '/accounts/{account}/queues/{queue}/messages'
const peekedByDefault = 10

/** The routes by which clients pull, acknowledge, see and delete messages of queues. */
export function pullRoutes(router: Router, cloud: CloudContext): void {
  router
    .on(`POST ${messages}/pull`, async ({ req, param }) => {
      const found = pullMessages(cloud, param('queue'), await readJson(req, pullBody))
      const { count, bytes, oldestAt } = cloud.store.queues.backlog(requireQueue(cloud, param('queue')).id)
      const metrics = { backlog_count: count, backlog_bytes: bytes, oldest_message_timestamp_ms: oldestAt }
      const list = found.map((each) => ({ ...view(each), lease_id: each.leaseId }))
      return { result: { message_backlog_count: count, messages: list, metadata: { metrics } } }
    })
    .on(`POST ${messages}/ack`, async ({ req, param }) => ({
      result: acknowledge(cloud, param('queue'), await readJson(req, ackBody)),
    }))
    .on(`POST ${messages}/peek`, async ({ req, param }) => {
      const { id } = requireQueue(cloud, param('queue'))
      const { batch_size: limit = peekedByDefault } = await readJson(req, peekBody)
      const found = cloud.store.queues.peek(id, limit)
      return { result: { messages: found.map((each) => ({ ...view(each), ref: each.id })) } }
    })
    .on(`POST ${messages}/purge`, async ({ req, param }) => {
      const { id } = requireQueue(cloud, param('queue'))
      const { refs } = await readJson(req, purgeRefsBody)
      const missing = refs.filter(({ ref }) => !cloud.store.queues.remove(id, ref))
      const warnings = missing.map(({ ref }) => [ref, 'The message does not exist, or is being handled.'])
      return { result: { errors: [], warnings: Object.fromEntries(warnings) } }
    })
}

/** As on Cloudflare, the body of a JSON message is base64 like that of `bytes`, and its type is in the metadata. */
const view = ({ id, body, contentType, sentAt, attempts }: Message) => ({
  id,
  attempts,
  timestamp_ms: sentAt,
  metadata: { 'CF-sourceMessageSource': 'api', 'CF-Content-Type': contentType },
  body: contentType === 'json' ? Buffer.from(body).toString('base64') : body,
})
