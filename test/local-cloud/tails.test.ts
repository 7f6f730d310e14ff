import { once } from 'node:events'
import { afterEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { until } from '../helpers/until.ts'
import { getText, startCloud, type TestCloud } from './harness.ts'

const open: WebSocket[] = []
afterEach(() => {
  for (const socket of open.splice(0)) socket.terminate()
})

const code = `export default {
  fetch(request, env) {
    console.log('hello', env.KEY, { path: new URL(request.url).pathname })
    if (request.url.endsWith('/throw')) throw new TypeError('broken')
    return new Response('ok')
  },
}`

/** Opens a tail and collects its events. */
async function tail(cloud: TestCloud, filters?: object[]) {
  const { status, result } = await cloud.script('POST', 'app/tails', filters && { filters })
  expect(status).toBe(200)
  const socket = new WebSocket(result.url, 'trace-v1')
  open.push(socket)
  // biome-ignore lint/suspicious/noExplicitAny: tests look into events of every type
  const events: any[] = []
  socket.on('message', (data) => events.push(JSON.parse(String(data))))
  await once(socket, 'open')
  return { id: result.id, socket, events }
}

test('a tail shows requests, logs and exceptions live, without secrets, and filters them', async () => {
  const cloud = await startCloud()
  const secret = { type: 'secret_text', name: 'KEY', text: 'a-secret-text' }
  await cloud.put('app', { bindings: [secret] }, [{ name: 'main.js', content: code }])
  await cloud.publish('app')
  const all = await tail(cloud)
  const errors = await tail(cloud, [{ outcome: ['exception'] }])
  await getText(cloud, 'app.localhost', '/one')
  await getText(cloud, 'app.localhost', '/throw')
  await until(async () => all.events.length === 2 && errors.events.length === 1, {
    what: 'the events arrived',
  })
  const [first, second] = all.events
  expect(first).toMatchObject({
    scriptName: 'app',
    outcome: 'ok',
    event: { request: { method: 'GET', url: expect.stringMatching(/\/one$/) }, response: { status: 200 } },
    logs: [{ level: 'log', message: ['hello', '[secret]', { path: '/one' }] }],
    exceptions: [],
  })
  expect(second).toMatchObject({
    outcome: 'exception',
    exceptions: [{ name: 'TypeError', message: 'broken' }],
  })
  expect(errors.events[0].exceptions).toHaveLength(1)
  expect(JSON.stringify(all.events)).not.toContain('a-secret-text')

  expect((await cloud.script('GET', 'app/tails')).result.id).toBe(errors.id)
  const closed = once(all.socket, 'close')
  expect((await cloud.script('DELETE', `app/tails/${all.id}`)).status).toBe(200)
  await closed
  expect((await cloud.script('DELETE', `app/tails/${all.id}`)).status).toBe(404)
  const late = new WebSocket(`${cloud.url.replace('http', 'ws')}/capstan/tails/${all.id}`, 'trace-v1')
  const [error] = await once(late, 'error')
  expect(String(error)).toContain('404')
})

test('a tail accepts frames without a mask, which wrangler sends, and masked ones', async () => {
  const cloud = await startCloud()
  await cloud.put('app', {}, [{ name: 'main.js', content: code }])
  await cloud.publish('app')
  const { socket, events } = await tail(cloud)
  const closed: number[] = []
  socket.on('close', (closeCode) => closed.push(closeCode))
  for (const length of [15, 300, 70_000])
    for (const mask of [false, true]) socket.send('x'.repeat(length), { mask, binary: false })
  socket.ping(Buffer.from('still there'))
  await once(socket, 'pong')
  await getText(cloud, 'app.localhost', '/one')
  await until(() => events.length === 1, { what: 'the event arrived' })
  expect(closed).toEqual([])
})
