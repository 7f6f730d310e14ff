import { get, type IncomingMessage } from 'node:http'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import type { Principal } from '../../../src/platform/auth.ts'
import { appendEvents, type EventHub, serveSse, streamHead } from '../../../src/platform/events/index.ts'
import { createHttpApp } from '../../../src/platform/http/app.ts'
import { createHttpServer, route } from '../../../src/platform/http/index.ts'
import { mount } from '../../../src/platform/http/routing/router.ts'
import { createTestContext, silent, type TestContext } from '../../helpers/context.ts'
import { undocumented } from '../../helpers/undocumented.ts'
import { until } from '../../helpers/until.ts'
import { gate } from '../jobs/job-harness.ts'
import { openReader } from './sse-reader.ts'

describe('server-sent events', () => {
  let ctx: TestContext
  let server: ReturnType<typeof createHttpServer>
  let valid = true
  let gone = gate()
  let served = gate()
  let before: () => Promise<void> = async () => undefined
  /** Subscriptions that were not left. */
  const open = new Set<object>()
  const principal: Principal = {
    kind: 'jwt',
    id: 'user:1',
    name: 'somebody',
    isAdmin: false,
    permissions: new Set(),
    rateLimit: { perSecond: 1000, burst: 1000 },
    stillValid: async () => valid,
  }

  beforeAll(async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    ctx = await createTestContext()
    await ctx.listener.start()
    const events = route({
      ...undocumented,
      method: 'get',
      path: '/streams/:stream',
      access: 'signed-in',
      params: z.object({ stream: z.string() }),
      async handle({ params: { stream }, principal, req, res }) {
        const head = await streamHead(ctx.db, stream)
        res.once('close', () => gone.resolve())
        await before()
        serveSse(req, res, { hub: counting(ctx.hub), stream, principal, head })
        served.resolve()
        return undefined
      },
    })
    const { db, limits } = ctx
    const mounted = mount([events], { db, limits, version: 'test', authenticate: async () => principal })
    const app = createHttpApp({ log: silent, trustedProxies: [], secure: false, routers: [mounted] })
    server = createHttpServer(app, { host: '127.0.0.1', port: 0 })
    await server.start()
  })
  afterAll(async () => {
    vi.useRealTimers()
    await server?.stop()
    await ctx?.dispose()
  })
  const readers: IncomingMessage[] = []
  afterEach(async () => {
    valid = true
    before = async () => undefined
    for (const reader of readers.splice(0)) reader.destroy()
    await until(() => open.size === 0, { what: 'no reader was left behind' })
  })

  const counting = (hub: EventHub): EventHub => ({
    ...hub,
    subscribe(stream, subscription) {
      const leave = hub.subscribe(stream, subscription)
      open.add(subscription)
      return () => {
        open.delete(subscription)
        leave()
      }
    },
  })

  const append = (stream: string, ...events: [type: string, data: unknown][]) =>
    appendEvents(
      ctx.db,
      events.map(([type, data]) => ({ stream, type, data })),
    )

  async function read(path: string, headers: Record<string, string> = {}) {
    const reader = await openReader(`http://127.0.0.1:${server.port()}`, `/streams/${path}`, headers)
    readers.push(reader.answer)
    return reader
  }

  async function follow(path: string, headers: Record<string, string> = {}) {
    const reader = await read(path, headers)
    reader.listen()
    return reader
  }

  it('sends stored events, then new ones, each with its number, and ends with the last', async () => {
    await append('whole', ['message', { line: 'a\nb' }], ['progress', { percent: 5 }])
    const reader = await follow('whole')
    expect(reader.answer.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store, no-transform',
    })
    await until(() => reader.ids().length === 2)
    await append('whole', ['end', { state: 'completed' }])
    await until(reader.ended)
    expect(reader.text()).toBe(
      'id: 1\ndata: {"line":"a\\nb"}\n\n' +
        'id: 2\nevent: progress\ndata: {"percent":5}\n\n' +
        'id: 3\nevent: end\ndata: {"state":"completed"}\n\n',
    )
  })

  it('resumes after Last-Event-ID, which wins over ?after=', async () => {
    await append('resumed', ...Array.from({ length: 5 }, () => ['message', {}] as [string, unknown]))
    const [byQuery, byHeader] = [
      await follow('resumed?after=2'),
      await follow('resumed?after=2', { 'Last-Event-ID': '4' }),
    ]
    await until(() => byQuery.ids().length === 3 && byHeader.ids().length === 1)
    expect(byQuery.ids()).toEqual([3, 4, 5])
    expect(byHeader.ids()).toEqual([5])
  })

  it('refuses a position that is not a number', async () => {
    const { answer } = await follow('resumed?after=x')
    expect(answer.statusCode).toBe(400)
  })

  it('sends 204 to a client that has all events of an ended stream, and the rest to others', async () => {
    await append('finished', ['message', {}], ['end', {}])
    expect((await follow('finished', { 'Last-Event-ID': '2' })).answer.statusCode).toBe(204)
    const late = await follow('finished', { 'Last-Event-ID': '1' })
    await until(late.ended)
    expect(late.ids()).toEqual([2])
  })

  it('continues after an end event that was followed by more', async () => {
    await append('again', ['end', { run: 1 }], ['state', { run: 2 }])
    const [old, current] = [await follow('again'), await follow('again', { 'Last-Event-ID': '2' })]
    expect(current.answer.statusCode).toBe(200)
    await until(() => old.ids().length === 2)
    expect(old.text()).toContain('event: end-of-attempt\n')
    expect(old.ended()).toBe(false)
    await append('again', ['end', { run: 2 }])
    await until(() => old.ended() && current.ended())
    expect(current.ids()).toEqual([3])
  })

  it('does not end at an end event that is followed by more in the same page', async () => {
    before = () => append('paged', ['end', {}], ['state', {}])
    const reader = await follow('paged')
    await until(() => reader.ids().length === 2)
    await append('paged', ['end', {}])
    await until(reader.ended)
    expect(reader.text().match(/event: .*/g)).toEqual(['event: end-of-attempt', 'event: state', 'event: end'])
  })

  it('keeps a silent stream open with comments', async () => {
    const reader = await follow('silent')
    await until(() => open.size === 1)
    vi.advanceTimersByTime(15_000)
    await until(() => reader.text() === ': keep-alive\n\n')
    vi.advanceTimersByTime(15_000)
    await until(() => reader.text() === ': keep-alive\n\n'.repeat(2))
  })

  it('ends the stream of a principal that is no longer valid', async () => {
    const reader = await follow('revoked')
    await until(() => open.size === 1)
    vi.advanceTimersByTime(60_000)
    valid = false
    expect(reader.ended()).toBe(false)
    vi.advanceTimersByTime(60_000)
    await until(reader.ended)
  })

  it('disconnects a client that does not read, and lets it resume', async () => {
    const big = (count: number) =>
      append(
        'slow',
        ...Array.from({ length: count }, () => ['message', 'x'.repeat(100_000)] as [string, unknown]),
      )
    const slow = await read('slow')
    slow.answer.pause()
    await until(() => open.size === 1)
    await big(150)
    await until(async () => {
      await append('slow', ['message', 'more'])
      return open.size === 0
    })
    const head = await streamHead(ctx.db, 'slow')
    const resumed = await follow('slow', { 'Last-Event-ID': '149' })
    await until(() => resumed.ids().at(-1) === head?.seq)
    expect(resumed.ids()[0]).toBe(150)
  })

  it('does not disconnect a client that keeps up because of one large page', async () => {
    const line = 'x'.repeat(30_000)
    await append('page', ...Array.from({ length: 100 }, () => ['message', line] as [string, unknown]))
    const reader = await follow('page')
    await until(() => reader.ids().length === 100)
    await append('page', ['end', {}])
    await until(reader.ended)
    expect(reader.ids()).toHaveLength(101)
  })

  it('keeps no state for a client that disconnected during its request', async () => {
    const asked = gate()
    const left = gate()
    gone = gate()
    served = gate()
    before = async () => {
      asked.resolve()
      await left.promise
    }
    const request = get({ host: '127.0.0.1', port: server.port(), path: '/streams/left' })
    request.on('error', () => undefined)
    await asked.promise
    request.destroy()
    await new Promise((resolve) => {
      request.on('close', resolve)
    })
    await gone.promise
    const timers = vi.getTimerCount()
    left.resolve()
    await served.promise
    expect(open.size).toBe(0)
    expect(vi.getTimerCount()).toBe(timers)
  })

  it('ends all streams when the process stops', async () => {
    const reader = await follow('stopping')
    await until(() => open.size === 1)
    ctx.hub.close()
    await until(reader.ended)
  })

  it('handles HEAD without opening a stream', async () => {
    const answer = await fetch(`http://127.0.0.1:${server.port()}/streams/whole-head`, { method: 'HEAD' })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toMatch('text/event-stream')
    expect(open.size).toBe(0)
  })
})
