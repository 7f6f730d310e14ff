import { expect, test } from 'vitest'
import { until } from '../../helpers/until.ts'
import { accountId, startInlineCloud, type TestCloud } from '../harness.ts'

const queues = `/accounts/${accountId}/queues`
const bodies = (result: { messages: { body: string }[] }) =>
  result.messages.map(({ body }) => Buffer.from(body, 'base64').toString())

async function queueWithConsumer(cloud: TestCloud) {
  const { queue_id: dead } = (await cloud.call('POST', queues, { queue_name: 'dead' })).result
  const { queue_id: id } = (await cloud.call('POST', queues, { queue_name: 'jobs' })).result
  const post = (path: string, body: object, of = id) => cloud.call('POST', `${queues}/${of}/${path}`, body)
  return { dead, post }
}

test('clients pull messages over HTTP, acknowledge and retry them, until they are dead letters', async () => {
  const cloud = await startInlineCloud()
  const { dead, post } = await queueWithConsumer(cloud)
  expect((await post('messages/pull', {})).code).toBe(11006)
  const settings = { max_retries: 1, visibility_timeout_ms: 60_000 }
  await post('consumers', { type: 'http_pull', dead_letter_queue: 'dead', settings })
  await post('messages', { body: { n: 1 } })
  await post('messages', { body: 'two', content_type: 'text' })
  await post('messages', { body: 'later', content_type: 'text', delay_seconds: 600 })

  const first = (await post('messages/pull', { batch_size: 10 })).result
  expect([
    first.message_backlog_count,
    first.messages.map(({ attempts }: { attempts: number }) => attempts),
  ]).toEqual([3, [1, 1]])
  expect(bodies(first)[0]).toBe('{"n":1}')
  expect([first.messages[1].body, first.messages[1].metadata['CF-Content-Type']]).toEqual(['two', 'text'])
  expect((await post('messages/pull', {})).result.messages).toEqual([])
  const [one, two] = first.messages.map(({ lease_id }: { lease_id: string }) => ({ lease_id }))
  const acked = await post('messages/ack', { acks: [one, { lease_id: 'other' }], retries: [two] })
  expect(acked.result).toMatchObject({ ackCount: 1, retryCount: 1, warnings: { other: expect.any(String) } })
  expect((await post('messages/ack', { acks: [two] })).result.ackCount).toBe(0)

  const [again] = (await post('messages/pull', { visibility_timeout_ms: 1 })).result.messages
  expect(again.attempts).toBe(2)
  // The lease has ended, so that its answer has no effect; the message has been tried often enough.
  await until(async () => (await post('messages/pull', {})).result.message_backlog_count === 1)
  expect((await post('messages/ack', { acks: [{ lease_id: again.lease_id }] })).result.ackCount).toBe(0)
  const peeked = (await post('messages/peek', {}, dead)).result.messages
  expect(peeked.map(({ body }: { body: string }) => body)).toEqual(['two'])
  const refs = [{ ref: peeked[0].ref }, { ref: 'none' }]
  expect((await post('messages/purge', { refs }, dead)).result.warnings).toEqual({ none: expect.any(String) })
  expect((await cloud.call('GET', `${queues}/${dead}/metrics`)).result.backlog_count).toBe(0)
})

test('a paused queue gives no messages to clients', async () => {
  const cloud = await startInlineCloud()
  const { post } = await queueWithConsumer(cloud)
  await post('consumers', { type: 'http_pull' })
  await post('messages', { body: 'kept', content_type: 'text' })
  const [{ queue_id: id }] = (await cloud.call('GET', `${queues}?name=jobs`)).result
  await cloud.call('PATCH', `${queues}/${id}`, { settings: { delivery_paused: true } })
  expect((await post('messages/pull', {})).result.messages).toEqual([])
  await cloud.call('PATCH', `${queues}/${id}`, { settings: { delivery_paused: false } })
  expect((await post('messages/pull', {})).result.messages).toHaveLength(1)
})
