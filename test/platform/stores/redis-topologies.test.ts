import { describe, expect, inject, it, type TestContext as Running } from 'vitest'
import { loadConfig } from '../../../src/config.ts'
import { parseRedisUrl } from '../../../src/platform/redis/address.ts'
import { resolveRedisUrl } from '../../../src/platform/redis/index.ts'
import { createTestContext, startEngine, type TestContext } from '../../helpers/context.ts'
import { needPrograms } from '../../helpers/servers/debian-packages.ts'
import { createRedisServers } from '../../helpers/servers/redis-topology.ts'
import { startTcpProxy } from '../../helpers/tcp-proxy.ts'
import { until } from '../../helpers/until.ts'
import { bound, done, enqueue, rowOf, testJob } from '../jobs/job-harness.ts'

const missing =
  inject('redisUrl') === undefined
    ? 'there is no Redis'
    : needPrograms({ 'redis-sentinel': 'redis-sentinel', openssl: 'openssl' })
if (missing !== undefined) console.log(`Tests of Redis topologies are skipped: ${missing}`)

const password = 'a-password-of-the-tests'
const job = testJob(done)
const rule = { perSecond: 1, burst: 5 }

/** What closes a thing when the test has ended: tests run side by side, because they mostly wait. */
type Closing = Running['onTestFinished']

describe('Redis', { skip: missing !== undefined, concurrent: true, timeout: 90_000 }, () => {
  function servers(closing: Closing) {
    const made = createRedisServers(password)
    closing(made.stop)
    return made
  }

  async function workingOn(url: string, closing: Closing): Promise<TestContext> {
    const ctx = await createTestContext({
      backend: 'redis',
      env: { REDIS_URL: url },
      jobs: () => bound(job),
    })
    closing(ctx.dispose)
    const engine = await startEngine(ctx, { queues: ['work'] })
    closing(engine.stop)
    return ctx
  }

  async function getsWorkDone(ctx: TestContext, timeoutMs = 15_000): Promise<void> {
    const id = await enqueue(ctx, job)
    await until(async () => (await rowOf(ctx, id)).state === 'completed', { timeoutMs })
    await until(() => ctx.queues.ping().then(() => true), { timeoutMs })
    // `available` shows that the limit was counted in Redis: local buckets give the same result during an outage.
    await until(async () => {
      await ctx.limiter.take('caller', rule)
      return ctx.limiter.available()
    })
  }

  it('is reached at its new address although connections stay open to a server that became a replica', async ({
    onTestFinished,
  }) => {
    const redis = servers(onTestFinished)
    const [old, successor] = [await redis.server(), await redis.server()]
    await successor.ask.replicaof('127.0.0.1', old.port)
    await until(async () => (await successor.ask.info('replication')).includes('master_link_status:up'))
    const address = (port: number) => `redis://:${password}@127.0.0.1:${port}`
    const proxy = await startTcpProxy(address(old.port))
    onTestFinished(() => proxy.cut())
    const ctx = await workingOn(proxy.url, onTestFinished)
    await getsWorkDone(ctx)
    proxy.redirect(address(successor.port))
    await successor.ask.replicaof('NO', 'ONE')
    await old.ask.replicaof('127.0.0.1', successor.port)
    await getsWorkDone(ctx)
  })

  it.for([
    ['with a password', false],
    ['with a password and TLS', true],
  ] as const)('works as a Cluster %s, given the URL of one node', async ([, secure], { onTestFinished }) => {
    const redis = servers(onTestFinished)
    const [node] = await redis.cluster(secure)
    const url = `redis${secure ? 's' : ''}://:${password}@127.0.0.1:${node?.port}`
    const resolved = await resolveRedisUrl(url)
    expect(resolved).toBe(url.replace('://', '+cluster://'))
    const ctx = await workingOn(resolved ?? '', onTestFinished)
    await getsWorkDone(ctx)
    // Each queue is in one slot, so twenty queues are on all nodes.
    for (let n = 0; n < 20; n++) await ctx.queues.get(`queue-${n}`).getJobCounts()
    await ctx.queues.ping()
  })

  it('is reached at the new master that a Sentinel elected', async ({ onTestFinished }) => {
    const redis = servers(onTestFinished)
    const [old, replica] = [await redis.server(), await redis.server()]
    await replica.ask.replicaof('127.0.0.1', old.port)
    const sentinel = await redis.sentinel('main', old.port)
    await until(
      async () => `${await sentinel.ask.call('SENTINEL', 'REPLICAS', 'main')}`.includes(`${replica.port}`),
      {
        timeoutMs: 20_000,
      },
    )
    const url = `redis+sentinel://:${password}@127.0.0.1:${sentinel.port}/main?sentinel_password=${password}`
    const ctx = await workingOn(url, onTestFinished)
    await getsWorkDone(ctx)
    old.stop()
    await getsWorkDone(ctx, 40_000)
    expect(await replica.ask.role()).toContain('master')
  })

  it('keeps its URL if it is a single server or unreachable', async () => {
    const url = inject('redisUrl') ?? ''
    expect(await resolveRedisUrl(url)).toBe(url)
    expect(await resolveRedisUrl('redis://127.0.0.1:1/3')).toBe('redis://127.0.0.1:1/3')
  })
})

describe('REDIS_URL', () => {
  const load = (REDIS_URL: string) =>
    loadConfig({
      DATABASE_URL: 'postgresql://db.example.org/capstan',
      SECRET_KEY: 'a-secret-key-of-the-tests-0123456789',
      REDIS_URL,
    })

  it.each([
    'redis://redis.example.org',
    'rediss://user:p%40ss@redis.example.org:6380/2',
    'redis://one.example.org:7000,redis://two.example.org:7000',
    'rediss+cluster://:secret@one.example.org:7000,two.example.org:7001',
    'redis+sentinel://user:secret@one.example.org:26379,two.example.org/main/1?sentinel_password=x',
    'redis://[::1]:6379',
  ])('may be %s', (url) => {
    expect(load(url).redisUrl).toBe(url)
  })

  it.each([
    'http://redis.example.org',
    'redis://one.example.org,two.example.org',
    'redis+sentinel://one.example.org:26379',
    'redis://redis.example.org:port',
    'redis://redis.example.org/name',
    'redis://:%E0%A4%A@redis.example.org',
  ])('is refused as %s, with its name and without its value', (url) => {
    expect(() => load(url)).toThrow(/^.*\n {2}REDIS_URL: (?!.*example)/)
  })

  it('ends the password at the last @ before the path', () => {
    expect(parseRedisUrl('redis://:p@ss@redis.example.org:6380/2')).toMatchObject({
      servers: [{ host: 'redis.example.org', port: 6380 }],
      login: { password: 'p@ss' },
      db: 2,
    })
  })
})
