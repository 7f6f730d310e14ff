import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, inject, it, vi } from 'vitest'
import { linkRoutes } from '../../src/binary-releases/object-store/files/link-routes.ts'
import { createLinkSigner } from '../../src/binary-releases/object-store/files/signed-links.ts'
import { createFileStore } from '../../src/binary-releases/object-store/files/store.ts'
import { createDatabaseProbe } from '../../src/platform/health/database-probe.ts'
import { route } from '../../src/platform/http/index.ts'
import { startApi } from '../helpers/api.ts'
import { createTestContext, silent, type TestContext, type TestContextOptions } from '../helpers/context.ts'
import { administer } from '../helpers/servers/postgres-server.ts'
import { createRedisServers } from '../helpers/servers/redis-topology.ts'
import { undocumented } from '../helpers/undocumented.ts'
import { startRoutes } from './http/http-harness.ts'

const opened: (() => unknown)[] = []
afterEach(async () => {
  vi.useRealTimers()
  for (const close of opened.splice(0).reverse()) await close()
})

async function application(options: TestContextOptions = {}) {
  const ctx = await createTestContext(options)
  opened.push(ctx.dispose)
  const api = await startApi(ctx)
  opened.push(api.stop)
  return { ctx, api }
}

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'capstan-test-health-'))
  opened.push(() => rmSync(made, { recursive: true, force: true }))
  return made
}

/** A request that writes, through the whole frame. */
async function writingTo(ctx: TestContext) {
  const writing = route({
    ...undocumented,
    method: 'post',
    path: '/write',
    access: 'open',
    csrf: false,
    async handle() {
      await ctx.db.transaction((trx) => trx('write_probes').delete())
      return { body: {} }
    },
  })
  const routes = await startRoutes(ctx, [writing], silent)
  opened.push(routes.stop)
  return routes.call('/write', { method: 'POST' })
}

describe('a database that accepts reads and refuses writes', () => {
  it('is detected if writes never complete', async () => {
    const ctx = await createTestContext()
    opened.push(ctx.dispose)
    const probe = createDatabaseProbe(ctx.database.url)
    opened.push(() => probe.close())
    await ctx.db.transaction(async (trx) => {
      await trx.raw('lock table write_probes in access exclusive mode')
      expect(await probe.check()).toMatchObject({ unwritable: 'timeout' })
    })
    expect(await probe.check()).not.toHaveProperty('unwritable')
  })

  it('makes health degraded with its reason, and writes fail temporarily', async () => {
    const { ctx } = await application()
    const name = new URL(ctx.database.url).pathname.slice(1)
    await administer(
      inject('testServer').url,
      `alter database ${name} set default_transaction_read_only = on`,
    )
    const { api } = await application({ beside: ctx })
    const health = await api.call('/health')
    expect([health.status, health.json.status]).toEqual([200, 'degraded'])
    expect(health.json).toMatchObject({ database: 'unhealthy', database_error: 'read_only' })
    expect(health.json.causes).toContainEqual({
      part: 'database',
      reason: 'read_only',
      message: expect.stringContaining('read-only'),
    })
    expect((await api.call('/health/ready')).status).toBe(200)
    const far = await createTestContext({ beside: ctx })
    opened.push(far.dispose)
    const refused = await writingTo(far)
    expect([refused.status, refused.json.error.retryable]).toEqual([503, true])
    expect(refused.json.error.details.reason).toBe('read_only')
  })
})

describe('a temporary condition of the database', () => {
  it.each([
    ['25006', 'read_only'],
    ['53300', 'too_many_connections'],
    ['53100', 'disk_full'],
    ['53200', 'out_of_memory'],
    ['53400', 'too_many_connections'],
    ['57P01', 'unreachable'],
    ['57P03', 'unreachable'],
    ['57P05', 'unreachable'],
    ['08006', 'unreachable'],
    ['08P01', 'unreachable'],
  ])('%s leads to 503 with Retry-After and its reason', async (state, reason) => {
    const ctx = await createTestContext()
    opened.push(ctx.dispose)
    const raising = route({
      ...undocumented,
      method: 'get',
      path: '/raise',
      access: 'open',
      async handle() {
        await ctx.db.raw(
          `do $$ begin raise exception 'said by the server' using errcode = '${state}'; end $$`,
        )
        return { body: {} }
      },
    })
    const routes = await startRoutes(ctx, [raising], silent)
    opened.push(routes.stop)
    const { status, headers, json, text } = await routes.call('/raise')
    expect([status, headers.get('retry-after')]).toEqual([503, '2'])
    expect(json.error).toMatchObject({ code: 'SYS_002', retryable: true, details: { reason } })
    expect(text).not.toContain('said by the server')
  })
})

describe('a disk without space', () => {
  it('makes health degraded if it is the disk of DATA_DIR, and is logged once', async () => {
    const dataDir = folder()
    const warn = vi.spyOn(silent, 'warn')
    const { api } = await application({ env: { DATA_DIR: dataDir } })
    expect((await api.call('/health')).json.status).toBe('healthy')
    const full = () => symlinkSync('/dev/full', join(dataDir, `.health-${process.pid}`))
    for (let n = 0; n < 3; n++) {
      full()
      const { json } = await api.call('/health')
      expect(json).toMatchObject({ status: 'degraded', causes: [{ part: 'data_dir', reason: 'disk_full' }] })
    }
    const said = warn.mock.calls.filter(([, text]) => text === 'health: a fault has appeared')
    expect(said).toHaveLength(1)
    warn.mockRestore()
    expect((await api.call('/health')).json.status).toBe('healthy')
  })

  it('is the reason in the response to an upload that fails because of it', async () => {
    const ctx = await createTestContext()
    opened.push(ctx.dispose)
    const root = folder()
    const links = createLinkSigner({ publicUrl: 'http://127.0.0.1', secret: Buffer.alloc(32, 1) })
    const store = createFileStore({ root, links })
    const routes = await startRoutes(ctx, linkRoutes({ root, links, partSize: store.limits.part }), silent)
    opened.push(routes.stop)
    const upload = await store.startParts('draft/file')
    const data = join(root, 'parts', upload, 'data')
    rmSync(data)
    symlinkSync('/dev/full', data)
    const { url } = await store.linkToWritePart('draft/file', { upload, number: 1, size: 4 })
    const { pathname, search } = new URL(url)
    const { status, json, headers } = await routes.call(pathname + search, { method: 'PUT', body: 'four' })
    expect([status, headers.get('retry-after')]).toEqual([507, '60'])
    expect(json.error).toMatchObject({ code: 'SYS_006', retryable: true, details: { reason: 'disk_full' } })
  })
})

describe('a clock', () => {
  it.each([
    [120_000, /120 s ahead of the database's/],
    [-120_000, /120 s behind the database's/],
  ])('that differs from the database by %i ms makes health degraded', async (ms, message) => {
    const { api } = await application()
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + ms })
    const { json } = await api.call('/health')
    expect(json.status).toBe('degraded')
    expect(json.causes).toEqual([
      { part: 'clock', reason: 'differs_from_database', message: expect.stringMatching(message) },
    ])
  })
})

describe('an object store', () => {
  async function bucketThat(status: number, date = new Date()) {
    const server = createServer((_req, res) => {
      res.writeHead(status, { Date: date.toUTCString() }).end()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    opened.push(() => server.close())
    const { port } = server.address() as AddressInfo
    return application({
      env: {
        R2_ENDPOINT: `http://127.0.0.1:${port}`,
        R2_BUCKET: 'bucket',
        R2_ACCESS_KEY: 'key',
        R2_SECRET_KEY: 'secret-of-the-tests',
      },
    })
  }

  it('that refuses the credentials is reported by health', async () => {
    const { api } = await bucketThat(403)
    expect((await api.call('/health')).json).toMatchObject({
      status: 'degraded',
      r2_connected: false,
      causes: [{ part: 'object_store', reason: 'forbidden' }],
    })
  })

  it('whose clock differs by more than a minute is reported by health', async () => {
    const { api } = await bucketThat(200, new Date(Date.now() - 90_000))
    expect((await api.call('/health')).json).toMatchObject({
      status: 'degraded',
      r2_connected: true,
      causes: [{ part: 'clock', reason: 'differs_from_object_store' }],
    })
  })
})

describe.skipIf(inject('redisUrl') === undefined)('Redis', () => {
  it('does not make the first response of a process degraded', async () => {
    const { api } = await application({ backend: 'redis' })
    expect((await api.call('/health')).json).toMatchObject({ status: 'healthy', causes: [] })
  })

  it('that is full is reported by health', async () => {
    const redis = createRedisServers('a-password-of-the-tests')
    opened.push(redis.stop)
    const { port, ask } = await redis.server()
    const url = `redis://:a-password-of-the-tests@127.0.0.1:${port}`
    const { api } = await application({ backend: 'redis', env: { REDIS_URL: url } })
    expect((await api.call('/health')).json.status).toBe('healthy')
    await ask.config('SET', 'maxmemory', '1')
    expect((await api.call('/health')).json).toMatchObject({
      status: 'degraded',
      queue: 'unhealthy',
      causes: [{ part: 'queue', reason: 'redis_full' }],
    })
  })
})
