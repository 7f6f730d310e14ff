import pino from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { prepare, route } from '../../../src/platform/http/index.ts'
import { createTestContext, type TestContext } from '../../helpers/context.ts'
import { undocumented } from '../../helpers/undocumented.ts'
import { until } from '../../helpers/until.ts'
import { startRoutes } from './http-harness.ts'

const badge = prepare('<svg/>', 'image/svg+xml; charset=utf-8')
const params = z.object({ id: z.string() })
const routes = [
  // The pattern comes first, and must not hide the fixed path behind it.
  route({
    ...undocumented,
    method: 'get',
    path: '/items/:id',
    access: 'open',
    params,
    handle: async ({ params }) => ({ body: params }),
  }),
  route({
    ...undocumented,
    method: 'get',
    path: '/items/new',
    access: 'open',
    handle: () => ({ body: { fixed: true } }),
  }),
  route({
    ...undocumented,
    method: 'post',
    path: '/items/new',
    access: 'open',
    handle: () => ({ status: 204, body: undefined }),
  }),
  route({
    ...undocumented,
    method: 'get',
    path: '/items/:id/files/*rest',
    access: 'open',
    params: z.object({ id: z.string(), rest: z.array(z.string()) }),
    handle: async ({ params }) => ({ body: params }),
  }),
  route({
    ...undocumented,
    method: 'get',
    path: '/badge',
    access: 'open',
    handle: () => ({ prepared: badge, headers: { 'Cache-Control': 'max-age=60' } }),
  }),
  route({
    ...undocumented,
    method: 'get',
    path: '/embedded',
    access: 'open',
    handle: () => ({ prepared: badge, headers: { 'content-security-policy': "default-src 'none'" } }),
  }),
  route({
    ...undocumented,
    method: 'get',
    path: '/own',
    access: 'open',
    async handle({ res }) {
      res.setHeader('Referrer-Policy', 'same-origin')
      return { body: { a: 'é' }, headers: { 'X-Own': 'yes' } }
    },
  }),
]

describe('the frame', () => {
  let ctx: TestContext
  let api: Awaited<ReturnType<typeof startRoutes>>
  const logged: string[] = []
  beforeAll(async () => {
    ctx = await createTestContext()
    api = await startRoutes(ctx, routes, pino({ level: 'info' }, { write: (line) => void logged.push(line) }))
  })
  afterAll(async () => {
    await api?.stop()
    await ctx?.dispose()
  })

  it.each([
    ['/items/new', { fixed: true }],
    ['/items/new/', { fixed: true }],
    ['/ITEMS/New?x=1', { fixed: true }],
    ['/items/42', { id: '42' }],
    ['/Items/42/', { id: '42' }],
    ['/items/a%20b', { id: 'a b' }],
    ['/items/new/files/a/b', { id: 'new', rest: ['a', 'b'] }],
  ])('finds %s', async (path, body) => {
    const { status, json } = await api.call(path)
    expect([status, json]).toEqual([200, body])
  })

  it.each([['/items'], ['/items//42'], ['/items/42/files'], ['/item'], ['/items/new/x'], ['//items/new']])(
    'finds nothing at %s',
    async (path) => {
      expect((await api.call(path)).status).toBe(404)
    },
  )

  it('lists every method of a path after a wrong method', async () => {
    for (const method of ['DELETE', 'OPTIONS', 'PROPFIND']) {
      const { status, headers } = await api.call('/items/new', { method })
      expect([status, headers.get('allow')]).toEqual([405, 'GET, POST, HEAD'])
    }
  })

  it('sends a prepared body unchanged, and 304 to a client that has it', async () => {
    const first = await api.call('/badge')
    expect([first.status, first.text]).toEqual([200, '<svg/>'])
    const shown = ['content-type', 'content-length', 'etag', 'cache-control'].map((name) =>
      first.headers.get(name),
    )
    expect(shown).toEqual(['image/svg+xml; charset=utf-8', '6', badge.etag, 'max-age=60'])
    for (const tag of [badge.etag, `"other", W/${badge.etag}`, '*']) {
      const again = await api.call('/badge', { headers: { 'if-none-match': tag } })
      expect([again.status, again.text, again.headers.get('etag')]).toEqual([304, '', badge.etag])
      expect(again.headers.get('cache-control')).toBe('max-age=60')
      expect(again.headers.get('ratelimit-policy')).not.toBeNull()
    }
    const other = await api.call('/badge', { headers: { 'if-none-match': '"other"' } })
    expect(other.status).toBe(200)
  })

  it.each([['/badge'], ['/items/new']])(
    'sends HEAD of %s with the headers of GET and no body',
    async (path) => {
      const [get, head] = [await api.call(path), await api.call(path, { method: 'HEAD' })]
      expect([head.status, head.text]).toEqual([200, ''])
      // The client closes its connection after a HEAD.
      const names = ({ headers }: typeof get) => [...headers.keys()].filter((name) => name !== 'keep-alive')
      expect(names(head)).toEqual(names(get))
      expect(head.headers.get('content-length')).toBe(get.headers.get('content-length'))
    },
  )

  it.each([
    ['/badge', 'GET'],
    ['/own', 'GET'],
    ['/items/new', 'GET'],
    ['/items/new', 'POST'],
    ['/items/new', 'PUT'],
  ])('adds its headers once to %s %s', async (path, method) => {
    const { headers } = await api.call(path, { method, headers: { 'x-request-id': 'given-1' } })
    expect(headers.get('x-request-id')).toBe('given-1')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('x-frame-options')).toBe('DENY')
    if (method !== 'PUT') expect(headers.get('x-ratelimit-limit')).toMatch(/^\d+$/)
  })

  it('does not override a header that the response sets itself', async () => {
    const own = await api.call('/own')
    expect(own.headers.get('referrer-policy')).toBe('same-origin')
    expect([own.headers.get('x-own'), own.json]).toEqual(['yes', { a: 'é' }])
    const embedded = await api.call('/embedded')
    expect(embedded.headers.get('content-security-policy')).toBe("default-src 'none'")
    expect(embedded.headers.get('x-content-type-options')).toBe('nosniff')
  })

  it('sends 204 without a type or a length', async () => {
    const { status, headers } = await api.call('/items/new', { method: 'POST' })
    expect([status, headers.get('content-type'), headers.get('content-length')]).toEqual([204, null, null])
  })

  it('logs each request with its route pattern', async () => {
    await api.call('/items/hunter2', { as: 'somebody' })
    await until(async () => logged.some((line) => line.includes('somebody')))
    const line = JSON.parse(logged.find((each) => each.includes('somebody')) ?? '')
    expect(line).toMatchObject({ method: 'GET', route: '/items/:id', status: 200, principal: 'somebody' })
    expect(logged.join('')).not.toContain('hunter2')
  })
})
