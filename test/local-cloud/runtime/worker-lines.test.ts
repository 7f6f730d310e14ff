import { afterEach, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { WorkerLogs } from '../../../src/local-cloud/runtime/logs/worker-logs.ts'
import { startCloud, token } from '../harness.ts'

test('a refused call to this machine is named, without the stack of the runtime', () => {
  const logs = new WorkerLogs()
  const written =
    'kj/async-io-unix.c++:1650: failed: connect() blocked by restrictPeers()\nstack: /a/workerd@53fcde0'
  logs.add('shop', 'error', written)
  expect(logs.of('shop').map(({ text }) => text)).toEqual([
    'A call to this machine or its network was refused; LOCAL_CLOUD_PRIVATE_NETWORK=allow permits such calls.',
  ])
})

const fromWorkerd =
  'Uncaught exception: workerd/io/worker.c++:1: jsg.TypeError: no table\nstack: /a/workerd@1'
const plainTitle = 'Uncaught TypeError: no table'
const withStack = `${plainTitle}\n    at query (main.js:3:26)\n    at Object.fetch (main.js:9:5)`

type Report = [text: string, origin: 'output' | 'exception']
const ownLine: Report = [fromWorkerd, 'output']
const caller: Report = [plainTitle, 'exception']
const thrower: Report = [withStack, 'exception']

afterEach(() => void vi.useRealTimers())

test.each<[string, Report[]]>([
  ["before workerd's line", [thrower, ownLine]],
  ["after workerd's line", [ownLine, thrower]],
  ["after workerd's line and that of a caller", [ownLine, caller, thrower]],
  ['before that of a caller', [thrower, caller, ownLine]],
])('an exception is kept once, with its stack, if its report comes %s', (_, reports) => {
  const logs = new WorkerLogs()
  for (const [text, origin] of reports) logs.add('shop', 'error', text, origin)
  expect(logs.of('shop').map(({ text }) => text)).toEqual([withStack])
})

test('an exception whose report never comes is kept without its stack', () => {
  const logs = new WorkerLogs()
  logs.add('shop', 'error', fromWorkerd)
  logs.add('shop', 'error', 'Uncaught TypeError: another\n    at main.js:1:1', 'exception')
  expect(logs.of('shop').map(({ text }) => text)).toEqual([
    plainTitle,
    'Uncaught TypeError: another\n    at main.js:1:1',
  ])
})

test('an exception with a NUL in its message is kept once, although workerd cuts its own line there', () => {
  const logs = new WorkerLogs()
  const reported = 'Uncaught TypeError: no table\0 of shop\n    at main.js:1:1'
  logs.add('shop', 'error', fromWorkerd)
  logs.add('shop', 'error', reported, 'exception')
  expect(logs.of('shop').map(({ text }) => text)).toEqual([reported])
})

test('an exception that is thrown again is kept again', () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  const logs = new WorkerLogs()
  for (const [text, origin] of [ownLine, thrower, ownLine, thrower]) logs.add('shop', 'error', text, origin)
  expect(logs.of('shop')).toHaveLength(2)
  vi.setSystemTime(Date.now() + 10_000)
  logs.add('shop', 'error', ...ownLine)
  expect(logs.of('shop').map(({ text }) => text)).toEqual([withStack, withStack, plainTitle])
})

test('the lines of a script take at most 1 MiB, the latest stay', () => {
  const logs = new WorkerLogs()
  for (let at = 0; at < 600; at++) logs.add('shop', 'log', `${at} ${'ж'.repeat(9000)}`)
  const texts = logs.of('shop').map(({ text }) => text)
  expect(texts.at(-1)).toMatch(/^599 /)
  expect(texts.every((text) => text.length === 8000)).toBe(true)
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0)
  expect(bytes).toBeLessThanOrEqual(1024 ** 2)
  expect(bytes).toBeGreaterThan(1024 ** 2 - 20_000)
})

const logsAnswer = z.object({ result: z.array(z.object({ text: z.string() })) })

const throwing = `
import { DurableObject } from 'cloudflare:workers'
function fail(place) { throw new TypeError('in ' + place) }
export class Room extends DurableObject {
  fetch() { fail('the object') }
  async arm() { await this.ctx.storage.setAlarm(Date.now()) }
  alarm() { fail('the alarm') }
}
export default {
  async fetch(request, env, ctx) {
    const room = env.ROOM.get(env.ROOM.idFromName('one'))
    const { pathname } = new URL(request.url)
    if (pathname === '/fetch') fail('fetch')
    if (pathname === '/nul') throw new TypeError('in a text\\0 with NUL')
    if (pathname === '/floating') {
      Promise.reject(new RangeError('nobody waits', { cause: new TypeError('the reason') }))
      await new Promise((done) => setTimeout(done, 1))
    }
    if (pathname === '/text') throw 'only a text'
    if (pathname === '/object') return room.fetch(request)
    if (pathname === '/alarm') await room.arm()
    if (pathname === '/later') ctx.waitUntil((async () => fail('waitUntil'))())
    return new Response('ok')
  },
}`

test('exceptions are logged with their stack, wherever they are thrown', async () => {
  const cloud = await startCloud()
  await cloud.put(
    'shop',
    {
      main_module: 'main.js',
      bindings: [{ type: 'durable_object_namespace', name: 'ROOM', class_name: 'Room' }],
      migrations: { new_tag: 'v1', new_sqlite_classes: ['Room'] },
    },
    [{ name: 'main.js', content: throwing }],
  )
  await cloud.publish('shop')
  const read = async () => {
    const headers = { authorization: `Bearer ${token}` }
    const response = await fetch(`${cloud.url}/capstan/logs/shop`, { headers })
    return logsAnswer.parse(await response.json()).result.map(({ text }) => text)
  }
  for (const path of ['/fetch', '/nul', '/floating', '/text', '/object', '/alarm', '/later'])
    await cloud.get('shop', path)
  const expected = [
    /^Uncaught TypeError: in fetch\n {4}at fail \(main.js:3:30\)\n {4}at Object.fetch/,
    /^Uncaught TypeError: in a text\0 with NUL\n {4}at Object.fetch/,
    /^Uncaught \(in promise\) RangeError: nobody waits\n {4}at Object.fetch \(.*main.js:[\s\S]*cause.*TypeError: the reason/,
    /^Uncaught Error: only a text$/,
    /^Uncaught TypeError: in the object\n {4}at fail \(main.js:3:30\)\n {4}at Room.fetch/,
    /^Uncaught TypeError: in the alarm\n {4}at fail \(main.js:3:30\)\n {4}at Room.alarm/,
    /^Uncaught TypeError: in waitUntil\n {4}at fail \(main.js:3:/,
  ]
  await vi.waitFor(async () => {
    const texts = await read()
    for (const pattern of expected) expect(texts).toContainEqual(expect.stringMatching(pattern))
  }, 10_000)
  const texts = await read()
  for (const place of ['in fetch', 'in a text', 'in the object', 'in waitUntil'])
    expect(texts.filter((text) => text.startsWith(`Uncaught TypeError: ${place}`))).toHaveLength(1)
  expect(texts.filter((text) => text.includes('(in promise)'))).toHaveLength(1)
})

test('an unhandled rejection is logged if the main module is in a folder', async () => {
  const cloud = await startCloud()
  const content =
    "export default { fetch() { Promise.reject(new Error('nobody waits')); return new Response('ok') } } // end"
  await cloud.put('shop', { main_module: 'src/main.js' }, [{ name: 'src/main.js', content }])
  await cloud.publish('shop')
  expect((await cloud.get('shop', '/')).status).toBe(200)
  await vi.waitFor(async () => {
    const headers = { authorization: `Bearer ${token}` }
    const response = await fetch(`${cloud.url}/capstan/logs/shop`, { headers })
    const texts = logsAnswer.parse(await response.json()).result.map(({ text }) => text)
    expect(texts).toEqual([expect.stringMatching(/^Uncaught \(in promise\) Error: nobody waits\n/)])
  }, 10_000)
})
