import { readFileSync } from 'node:fs'
import { beforeAll, expect, test } from 'vitest'
import { parsePs } from '../../../src/local-cloud/runtime/usage.ts'
import { until } from '../../helpers/until.ts'
import { hello, type Metadata, shareCloud } from '../harness.ts'

const cloud = shareCloud()

async function serve(name: string, content: string, metadata: Metadata = {}) {
  const reply = await cloud().put(name, metadata, [{ name: 'main.js', content }])
  expect(reply.message).toBe('')
  await cloud().publish(name)
}

/** A Worker with paths that use up memory or CPU time. */
const greedy = `
  import { DurableObject } from 'cloudflare:workers'
  const kept = []
  const acts = {
    '/heap': () => { for (;;) kept.push(Array.from({ length: 1000 }, (_, at) => at + 0.5)) },
    '/buffers': () => { for (;;) kept.push(new Uint8Array(1024 * 1024).fill(1)) },
    '/strings': () => { for (;;) kept.push(('x' + kept.length).repeat(1000).split('')) },
    '/loop': () => { for (;;); },
    '/busy': async () => { for (;;) { acts['/computes'](); await scheduler.wait(0) } },
    '/fits': () => { for (let at = 0; at < 60; at++) kept.push(new Uint8Array(1024 * 1024).fill(1)) },
    '/computes': () => { for (let at = 0; at < 3e8; at++) if (at < 0) break },
  }
  export class Room extends DurableObject {
    async act(path) { await acts[path]() }
  }
  export default {
    async fetch(request, env) {
      const { pathname } = new URL(request.url)
      if (pathname.startsWith('/object')) await env.ROOM.get(env.ROOM.idFromName('a')).act(pathname.slice(7))
      else await acts[pathname]?.()
      return new Response('well')
    },
  }`
const room = {
  bindings: [{ type: 'durable_object_namespace', name: 'ROOM', class_name: 'Room' }],
  migrations: { new_tag: 'v1', new_sqlite_classes: ['Room'] },
}
const short = { ...room, limits: { cpu_ms: 1500 } }
const long = { ...room, limits: { cpu_ms: 60_000 } }

/** Serves a greedy Worker with each limit, and one that stays within it. */
beforeAll(async () => {
  await serve('short', greedy, short)
  await serve('long', greedy, long)
  await serve('modest', hello('modest'))
})

const memory = /^error code: 1102\nWorker exceeded resource limits: more than 128 MB of memory\n$/
const time = /^error code: 1102\nWorker exceeded resource limits: more than 1.5 s of CPU time\n$/

test.each([
  ['/heap', memory],
  ['/buffers', memory],
  ['/strings', memory],
  ['/object/buffers', memory],
  ['/loop', time],
  ['/busy', time],
  ['/object/loop', time],
])(
  'a Worker that exceeds a limit at %s is ended with an error; other Workers are unaffected',
  async (path, text) => {
    const name = text === time ? 'short' : 'long'
    expect((await cloud().get('modest')).text).toBe('modest')
    const answers = new Set<string>()
    let over = false
    const ended = cloud()
      .get(name, path)
      .finally(() => {
        over = true
      })
    await until(
      async () => {
        answers.add(
          await cloud()
            .get('modest')
            .then(({ text }) => text, String),
        )
        return over
      },
      { timeoutMs: 60_000 },
    )
    expect(answers).toEqual(new Set(['modest']))
    const { status, text: said } = await ended
    expect([status, said]).toEqual([503, expect.stringMatching(text)])
    expect((await cloud().get(name)).text).toBe('well')
  },
  90_000,
)

test('a Worker within its limits keeps running under many requests', async () => {
  expect(await cloud().get('short', '/fits')).toEqual({ status: 200, text: 'well' })
  // The requests together exceed the limit of a single request.
  for (let at = 0; at < 10; at++)
    expect(await cloud().get('short', '/computes')).toEqual({ status: 200, text: 'well' })
}, 90_000)

test('a module that exceeds the memory limit while it loads is rejected with an error', async () => {
  const content = `const kept = []\nfor (;;) kept.push(new Uint8Array(1048576).fill(1))\n${hello('x')}`
  const reply = await cloud().put('rejected', {}, [{ name: 'main.js', content }])
  expect([reply.code, reply.message]).toEqual([
    10021,
    expect.stringMatching(/^Script startup exceeded memory limits\. .*128 MB/),
  ])
  const heap = `const kept = []\nfor (;;) kept.push(new Array(100_000).fill(1.5))\n${hello('x')}`
  const second = await cloud().put('rejected', {}, [{ name: 'main.js', content: heap }])
  expect([second.code, second.message]).toEqual([10021, expect.stringMatching(/exceeded memory limits/)])
}, 90_000)

test.each([
  ['  12345   0:01.23\n', { cpuMs: 1230, waitedMs: 0, memoryBytes: 12_345 * 1024 }],
  [' 1 2-03:04:05', { cpuMs: ((2 * 24 + 3) * 3600 + 4 * 60 + 5) * 1000, waitedMs: 0, memoryBytes: 1024 }],
  ['', undefined],
])('the line %j of ps is parsed', (line, usage) => {
  expect(parsePs(line)).toEqual(usage)
})

test.skipIf(process.platform !== 'linux')('the page size of this machine is 4096 bytes', () => {
  const [, resident = 0] = readFileSync('/proc/self/statm', 'utf8').split(' ').map(Number)
  const [, kilobytes = ''] = /VmRSS:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8')) ?? []
  expect((resident * 4096) / (Number(kilobytes) * 1024)).toBeCloseTo(1, 0)
})
