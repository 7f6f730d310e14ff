import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startLocalCloud } from '../../src/local-cloud/index.ts'
import { silent } from '../helpers/context.ts'
import { until } from '../helpers/until.ts'
import { accountId, clientOf, hello, token } from './harness.ts'

const directory = mkdtempSync(join(tmpdir(), 'local-cloud-queues-'))
const start = async () => {
  const about = { host: '127.0.0.1', port: 0, dataDir: directory, token, accountId, log: silent }
  const local = await startLocalCloud(about)
  return { ...local, ...clientOf(local) }
}
let cloud: Awaited<ReturnType<typeof start>>
const queues = `/accounts/${accountId}/queues`
const make = async (queue_name: string): Promise<string> =>
  (await cloud.call('POST', queues, { queue_name })).result.queue_id
const backlog = async (id: string): Promise<number> =>
  (await cloud.call('GET', `${queues}/${id}/metrics`)).result.backlog_count
const seen = async (path = '/') => JSON.parse((await cloud.get('consumer', path)).text)

// Keeps what it received, as a list of batches; `retry` and `fail` are bodies that make it retry a message or fail.
const consumer = `
let batches = []
export default {
  fetch: () => Response.json(batches),
  queue(batch) {
    batches.push([batch.queue, batch.messages.map(({ body, attempts }) => [body, attempts])])
    if (batch.messages.some(({ body }) => body === 'fail')) throw new Error('a batch failed')
    for (const message of batch.messages) message.body === 'retry' ? message.retry() : message.ack()
  },
}`
const producer = `
export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url)
    if (pathname === '/batch') await env.JOBS.sendBatch([{ body: 1 }, { body: { two: 2 } }])
    else if (pathname === '/bytes') await env.JOBS.send(new Uint8Array([1, 2, 255]), { contentType: 'bytes' })
    else if (pathname === '/late') await env.JOBS.send('late', { delaySeconds: 3600 })
    else await env.JOBS.send(pathname.slice(1))
    return new Response('sent')
  },
}`
const main = (content: string) => [{ name: 'main.js', content }]

let jobs: string
let dead: string
beforeAll(async () => {
  cloud = await start()
  jobs = await make('jobs')
  dead = await make('dead')
  await cloud.put('consumer', {}, main(consumer))
  await cloud.publish('consumer')
  const bindings = [{ type: 'queue', name: 'JOBS', queue_name: 'jobs' }]
  expect((await cloud.put('producer', { bindings }, main(producer))).status).toBe(200)
  await cloud.publish('producer')
  const settings = { batch_size: 10, max_wait_time_ms: 200, max_retries: 1, retry_delay: 0 }
  const body = { type: 'worker', script_name: 'consumer', dead_letter_queue: 'dead', settings }
  expect((await cloud.call('POST', `${queues}/${jobs}/consumers`, body)).status).toBe(200)
})
afterAll(async () => {
  await cloud?.stop()
  rmSync(directory, { recursive: true, force: true })
})

const received = async (body: unknown) =>
  (await seen()).flatMap(([, messages]: [string, [unknown, number][]]) =>
    messages
      .filter(([each]) => JSON.stringify(each) === JSON.stringify(body))
      .map(([, attempts]) => attempts),
  )

describe('messages', () => {
  test('of a producer reach the consumer of the queue, in batches and with their types', async () => {
    expect((await cloud.get('producer', '/one')).text).toBe('sent')
    await cloud.get('producer', '/batch')
    await cloud.get('producer', '/bytes')
    await until(async () => (await backlog(jobs)) === 0, { what: 'all were handled' })
    expect(await received('one')).toEqual([1])
    expect(await received({ two: 2 })).toEqual([1])
    expect(await received({ 0: 1, 1: 2, 2: 255 })).toEqual([1])
  })

  test('that are retried too often go to the dead letter queue', async () => {
    await cloud.get('producer', '/retry')
    await until(async () => (await backlog(dead)) === 1, { what: 'the message is in the dead letter queue' })
    expect(await received('retry')).toEqual([1, 2])
    expect(await backlog(jobs)).toBe(0)
  })

  test('of a batch whose handler throws are all retried', async () => {
    await cloud.get('producer', '/fail')
    await until(async () => (await backlog(dead)) === 2, { what: 'the message is in the dead letter queue' })
    expect(await received('fail')).toEqual([1, 2])
  })

  test('can be sent by the API, wait while delivery is paused, and are delivered after a restart', async () => {
    await cloud.call('PATCH', `${queues}/${jobs}`, { settings: { delivery_paused: true } })
    await cloud.call('POST', `${queues}/${jobs}/messages`, { body: 'kept' })
    const messages = [{ body: 'a' }, { body: 'b', content_type: 'text' }]
    await cloud.call('POST', `${queues}/${jobs}/messages/batch`, { messages })
    expect(await backlog(jobs)).toBe(3)
    await cloud.stop()
    cloud = await start()
    expect(await backlog(jobs)).toBe(3)
    await cloud.call('PATCH', `${queues}/${jobs}`, { settings: { delivery_paused: false } })
    await until(async () => (await backlog(jobs)) === 0, { what: 'all were handled' })
    expect(await received('kept')).toEqual([1])
    expect(await received('b')).toEqual([1])
  })

  test('with a delay wait, and a purge removes them', async () => {
    await cloud.get('producer', '/late')
    expect(await backlog(jobs)).toBe(1)
    await cloud.call('POST', `${queues}/${jobs}/purge`, { delete_messages_permanently: true })
    expect(await backlog(jobs)).toBe(0)
    expect(await received('late')).toEqual([])
  })

  test('cannot be sent without the credential of the cloud', async () => {
    const path = `/capstan/internal/queues/jobs/messages`
    const body = JSON.stringify({ messages: [{ body: '1', contentType: 'json' }] })
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    expect((await fetch(`${cloud.url}${path}`, { method: 'POST', headers, body })).status).toBe(401)
  })
})

describe('queues', () => {
  test('are listed with their producers and their consumer', async () => {
    const { result } = await cloud.call('GET', `${queues}?name=jobs`)
    expect(result).toMatchObject([
      {
        queue_name: 'jobs',
        producers: [{ type: 'worker', script: 'producer' }],
        producers_total_count: 1,
        consumers: [{ type: 'worker', script: 'consumer', dead_letter_queue: 'dead' }],
        consumers_total_count: 1,
      },
    ])
  })

  test('have one consumer, which must have a queue handler', async () => {
    const path = `${queues}/${jobs}/consumers`
    const other = { type: 'worker', script_name: 'consumer' }
    expect((await cloud.call('POST', path, other)).code).toBe(11004)
    await cloud.put('plain', {}, main(hello('plain')))
    const plain = { type: 'worker', script_name: 'plain' }
    expect((await cloud.call('POST', `${queues}/${dead}/consumers`, plain)).code).toBe(11001)
    const [{ consumer_id: id }] = (await cloud.call('GET', path)).result
    const changed = await cloud.call('PUT', `${path}/${id}`, { ...other, settings: { batch_size: 5 } })
    expect(changed.result).toMatchObject({ consumer_id: id, settings: { batch_size: 5 } })
    expect((await cloud.call('DELETE', `${path}/none`)).code).toBe(11006)
    expect((await cloud.call('DELETE', `${path}/${id}`)).status).toBe(200)
    expect((await cloud.call('GET', path)).result).toEqual([])
  })

  test('are refused with the codes of Cloudflare', async () => {
    const codes = [
      await cloud.call('POST', queues, { queue_name: 'jobs' }),
      await cloud.call('POST', queues, { queue_name: 'not a name' }),
      await cloud.call('GET', `${queues}/none`),
      await cloud.call('DELETE', `${queues}/${jobs}`),
      await cloud.put('bound', { bindings: [{ type: 'queue', name: 'Q', queue_name: 'none' }] }),
    ].map(({ code }) => code)
    expect(codes).toEqual([11009, 11003, 11000, 11005, 11000])
    expect((await cloud.call('DELETE', `${queues}/${await make('spare')}`)).status).toBe(200)
  })
})
