import { gzipSync } from 'node:zlib'
import pino from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { CodedError } from '../../../src/platform/errors.ts'
import { route } from '../../../src/platform/http/index.ts'
import { createTestContext, type TestContext } from '../../helpers/context.ts'
import { undocumented } from '../../helpers/undocumented.ts'
import { startRoutes } from './http-harness.ts'

const body = z.strictObject({
  name: z.string().max(10),
  kind: z.enum(['staging', 'production']).optional(),
  nested: z.object({ count: z.number() }).optional(),
})
const routes = [
  route({
    ...undocumented,
    method: 'post',
    path: '/things',
    access: 'open',
    body,
    handle: async ({ body }) => ({ status: 201, body }),
  }),
  route({
    ...undocumented,
    method: 'get',
    path: '/things/:id',
    access: 'open',
    params: z.object({ id: z.uuid('expected an id') }),
    handle: async ({ params }) => ({ body: params }),
  }),
  route({
    ...undocumented,
    method: 'put',
    path: '/small',
    access: 'jobs:write',
    body: z.unknown(),
    bodyLimit: 1000,
    invalidStatus: 422,
    handle: async ({ body }) => ({ body: { length: JSON.stringify(body).length } }),
  }),
  route({
    ...undocumented,
    method: 'get',
    path: '/wrapped',
    access: 'signed-in',
    wrap: (data, metadata) => ({ success: true, data, metadata }),
    handle: async () => ({ body: { fine: true } }),
  }),
  route({
    ...undocumented,
    method: 'get',
    path: '/broken/:how',
    access: 'open',
    params: z.object({ how: z.string() }),
    async handle({ params }) {
      if (params.how === 'coded') {
        throw new CodedError('SYS_003', 'Too many calls', { retryAfter: 7, details: { limit: 3 } })
      }
      throw new Error('password=hunter2 at /srv/capstan/secret.ts')
    },
  }),
]

describe('responses', () => {
  let ctx: TestContext
  let api: Awaited<ReturnType<typeof startRoutes>>
  const logged: string[] = []
  beforeAll(async () => {
    ctx = await createTestContext()
    const log = pino({ level: 'info' }, { write: (line: string) => void logged.push(line) })
    api = await startRoutes(ctx, routes, log)
  })
  afterAll(async () => {
    await api?.stop()
    await ctx?.dispose()
  })

  it('use the error envelope for every error', async () => {
    const { status, headers, json } = await api.call('/broken/coded')
    expect(status).toBe(429)
    expect(headers.get('retry-after')).toBe('7')
    expect(json).toEqual({
      error: {
        code: 'SYS_003',
        message: 'Too many calls',
        details: {
          limit: 3,
          timestamp: expect.stringMatching(/Z$/),
          correlationId: headers.get('x-request-id'),
        },
        retryable: true,
        suggestedAction: expect.any(String),
      },
    })
  })

  it('disclose no internal details of an unexpected error', async () => {
    const { status, text, json } = await api.call('/broken/badly')
    expect(status).toBe(500)
    expect(json.error).toMatchObject({ code: 'SYS_001', message: 'Internal server error', retryable: false })
    expect(text).not.toMatch(/hunter2|srv|stack/)
    expect(logged.join('')).toContain(json.error.details.correlationId)
  })

  it('have the request’s id, or a new one if it is missing or could forge a log line', async () => {
    const given = await api.call('/nowhere', { headers: { 'x-request-id': 'deploy-42.a_b' } })
    expect(given.headers.get('x-request-id')).toBe('deploy-42.a_b')
    expect(given.json.error.details.correlationId).toBe('deploy-42.a_b')
    for (const bad of ['two words', 'x'.repeat(129), '<b>']) {
      const made = await api.call('/nowhere', { headers: { 'x-request-id': bad } })
      expect(made.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
    }
  })

  it.each([['/'], ['/nowhere'], ['/things/1/2']])('are 404 at %s', async (path) => {
    const { status, json } = await api.call(path)
    expect([status, json.error.code]).toEqual([404, 'SYS_005'])
  })

  it('list the allowed methods after a wrong method', async () => {
    const { status, headers, json } = await api.call('/things', { method: 'DELETE' })
    expect([status, json.error.code, headers.get('allow')]).toEqual([405, 'REQ_003', 'POST'])
    const get = await api.call('/wrapped', { method: 'PATCH' })
    expect(get.headers.get('allow')).toBe('GET, HEAD')
  })

  it.each([
    ['{"name": ', 400, 'REQ_001'],
    ['"text"', 400, 'REQ_001'],
    ['', 400, 'REQ_002'],
    ['[]', 400, 'REQ_002'],
  ])('to the body %j have the status %i', async (text, status, code) => {
    const headers = { 'content-type': 'application/json' }
    const answer = await api.call('/things', { method: 'POST', body: text, headers })
    expect([answer.status, answer.json.error.code]).toEqual([status, code])
  })

  it('name every faulty field by its path and echo no value', async () => {
    const json = { name: 'hunter2-hunter2', kind: 'hunter2', nested: { count: 'hunter2' }, extra: 'hunter2' }
    const answer = await api.call('/things', { json })
    expect(answer.status).toBe(400)
    expect(answer.json.error.code).toBe('REQ_002')
    expect(answer.json.error.details.fields).toEqual(
      expect.arrayContaining([
        { path: 'name', problem: 'expected at most 10 characters' },
        { path: 'kind', problem: 'expected one of staging, production' },
        { path: 'nested.count', problem: 'expected number' },
        { path: 'extra', problem: 'unknown field' },
      ]),
    )
    expect(answer.text).not.toContain('hunter2')
  })

  it('report invalid ids in the path', async () => {
    const { status, json } = await api.call('/things/hunter2')
    expect(status).toBe(400)
    expect(json.error.details.fields).toEqual([{ path: 'id', problem: 'expected an id' }])
    const malformed = await api.call('/things/%E0%A4%A')
    expect(malformed.status).toBe(400)
    expect(malformed.json.error.suggestedAction).toBe('Percent-encode the path')
  })

  it('refuse a body by its size after decompression', async () => {
    const as = 'a|jobs:write'
    const put = (body: string | Uint8Array<ArrayBuffer>, encoding?: string) =>
      api.call('/small', {
        method: 'PUT',
        as,
        body,
        headers: { 'content-type': 'application/json', ...(encoding && { 'content-encoding': encoding }) },
      })
    expect((await put(JSON.stringify(['x'.repeat(900)]))).json).toEqual({ length: 904 })
    const large = JSON.stringify(['x'.repeat(100_000)])
    expect((await put(large)).json.error.code).toBe('REQ_004')
    const bomb = await put(new Uint8Array(gzipSync(large)), 'gzip')
    expect([bomb.status, bomb.json.error.code]).toEqual([413, 'REQ_004'])
    expect((await put('{}', 'br2')).status).toBe(415)
  })

  it('refuse bodies that are not JSON', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/octet-stream']) {
      const headers = { 'content-type': type }
      const { status, json } = await api.call('/things', { method: 'POST', body: 'name=a', headers })
      expect([status, json.error.code]).toEqual([415, 'REQ_005'])
    }
  })

  it('require sign-in before the body is read', async () => {
    const { status, headers, json } = await api.call('/small', { method: 'PUT', body: '{' })
    expect([status, json.error.code]).toEqual([401, 'ACCESS_001'])
    expect(headers.get('www-authenticate')).toMatch(/^Bearer/)
  })

  it('refuse a bad credential, except on open routes', async () => {
    const { status, headers, json } = await api.call('/wrapped', { as: 'expired' })
    expect([status, json.error.code]).toEqual([401, 'ACCESS_002'])
    expect(headers.get('www-authenticate')).toMatch(/^Bearer/)
    expect((await api.call('/things', { as: 'expired', json: { name: 'a' } })).status).toBe(201)
  })

  it('name the missing permission', async () => {
    const { status, json } = await api.call('/small', { method: 'PUT', as: 'a|jobs:read', json: {} })
    expect([status, json.error.code, json.error.details.permission]).toEqual([
      403,
      'ACCESS_003',
      'jobs:write',
    ])
  })

  it('wrap successful bodies only in the deployment routes', async () => {
    const { json, headers } = await api.call('/wrapped', { as: 'a' })
    const correlationId = headers.get('x-request-id')
    const metadata = { timestamp: expect.stringMatching(/Z$/), version: 'test', correlationId }
    expect(json).toEqual({ success: true, data: { fine: true }, metadata })
    expect((await api.call('/things', { json: { name: 'a' } })).json).toEqual({ name: 'a' })
  })

  it('have security headers and no server name', async () => {
    const { headers } = await api.call('/nowhere')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('content-security-policy')).toContain("default-src 'self'")
    expect(headers.get('x-powered-by')).toBeNull()
  })
})
