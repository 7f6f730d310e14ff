import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createHealth, healthRoutes } from '../../src/platform/health/index.ts'
import { type Api, startApi } from '../helpers/api.ts'
import { createTestContext, silent, startEngine, type TestContext } from '../helpers/context.ts'
import { startTcpProxy } from '../helpers/tcp-proxy.ts'
import { until } from '../helpers/until.ts'
import { startRoutes } from './http/http-harness.ts'
import { bound, done, enqueue, testJob } from './jobs/job-harness.ts'
import { withOutages } from './jobs/queue-store.ts'

const job = testJob(done)

describe('the application', () => {
  let ctx: TestContext
  let api: Api
  let token: string
  beforeAll(async () => {
    ctx = await createTestContext({ jobs: () => bound(job) })
    api = await startApi(ctx)
    token = await api.signIn('operator', true)
  })
  afterAll(async () => {
    await api?.stop()
    await ctx?.dispose()
  })

  it('lists jobs newest first, in pages without gaps or duplicates', async () => {
    const made: string[] = []
    await ctx.db.transaction(async (trx) => {
      // One transaction gives them all one creation time: the id decides.
      for (let n = 0; n < 7; n++) made.push(await ctx.enqueue(trx, job, { payload: { key: `${n}` } }))
    })
    const seen: string[] = []
    for (let cursor = ''; ; ) {
      const { json } = await api.call(`/jobs?queue=work&limit=3${cursor}`, { token })
      seen.push(...json.jobs.map((each: { id: string }) => each.id))
      if (json.next_cursor === null) break
      cursor = `&cursor=${json.next_cursor}`
    }
    expect(seen).toEqual(made.toSorted().reverse())
    expect((await api.call('/jobs?state=failed', { token })).json).toEqual({ jobs: [], next_cursor: null })
  })

  it('refuses a cursor of another origin', async () => {
    for (const cursor of ['x', Buffer.from("2026-01-01T00:00:00.000000Z '; --").toString('base64url')]) {
      const { status, json } = await api.call(`/jobs?cursor=${cursor}`, { token })
      expect([status, json.error.code, json.error.details.fields[0].path]).toEqual([400, 'REQ_002', 'cursor'])
    }
  })

  it('shows one job without its payload', async () => {
    const id = await enqueue(ctx, job, 'shown')
    const { json } = await api.call(`/jobs/${id}`, { token })
    expect(json).toMatchObject({
      id,
      queue: 'work',
      name: 'test',
      state: 'queued',
      attempt: 0,
      max_attempts: 3,
    })
    expect(json.links).toEqual({ self: `/jobs/${id}`, events: `/jobs/${id}/events` })
    expect(JSON.stringify(json)).not.toContain('shown')
  })

  it('cancels and retries over HTTP', async () => {
    const id = await enqueue(ctx, job)
    const cancelled = await api.call(`/jobs/${id}/cancel`, { method: 'POST', token })
    expect([cancelled.status, cancelled.json.state]).toEqual([202, 'cancelled'])
    expect((await api.call(`/jobs/${id}/cancel`, { method: 'POST', token })).status).toBe(409)
    const retried = await api.call(`/jobs/${id}/retry`, { method: 'POST', token })
    expect([retried.status, retried.json.state]).toEqual([202, 'queued'])
  })

  it('responds 404 to an unknown job and 400 to an invalid id', async () => {
    expect((await api.call('/jobs/00000000-0000-4000-8000-000000000000', { token })).status).toBe(404)
    expect((await api.call('/jobs/00000000-0000-4000-8000-000000000000/events', { token })).status).toBe(404)
    expect((await api.call('/jobs/1', { token })).status).toBe(400)
    expect((await api.call('/jobs?nonsense=1', { token })).status).toBe(400)
  })

  it('shows jobs only to signed-in users', async () => {
    expect((await api.call('/jobs')).status).toBe(401)
    const reader = await api.signIn('reader')
    expect((await api.call('/jobs', { token: reader })).status).toBe(200)
    const id = await enqueue(ctx, job)
    const refused = await api.call(`/jobs/${id}/cancel`, { method: 'POST', token: reader })
    expect([refused.status, refused.json.error.code]).toEqual([403, 'ACCESS_003'])
  })

  it('streams the events of a job until its end', async () => {
    const engine = await startEngine(ctx, { queues: ['work'] })
    const id = await enqueue(ctx, job)
    const { text } = await api.call(`/jobs/${id}/events`, { token })
    expect(text).toMatch(/event: end\ndata: {"state":"completed","attempt":1,"error":null}\n\n$/)
    expect((await api.call(`/jobs/${id}/events?after=2`, { token })).status).toBe(204)
    await engine.stop()
  })

  it('reports its health without internal details to unauthenticated callers', async () => {
    const { status, json } = await api.call('/health')
    expect(status).toBe(200)
    expect(json).toMatchObject({
      status: 'healthy',
      service: 'capstan',
      database: 'healthy',
      queue: 'healthy',
    })
    const ready = await api.call('/health/ready')
    expect([ready.status, ready.json]).toEqual([
      200,
      { status: 'ready', database: 'healthy', redis: 'disabled' },
    ])
  })

  it('is degraded while work is overdue and no worker runs', async () => {
    const id = await enqueue(ctx, job)
    const overdue = (by: string) =>
      ctx
        .db('jobs')
        .where({ id })
        .update({ run_at: ctx.db.raw(`now() - interval '${by}'`) })
    await overdue('2 minutes')
    const { status, json } = await api.call('/health')
    expect([status, json.status, json.queue]).toEqual([200, 'degraded', 'stalled'])
    expect(json.causes).toEqual([expect.objectContaining({ part: 'queue', reason: 'stalled' })])
    await overdue('1 second')
    expect((await api.call('/health')).json.status).toBe('healthy')
  })

  /** The health routes over the application's parts, some of them replaced. */
  function probesWith(parts: Partial<Parameters<typeof createHealth>[0]>) {
    const { queues, limiter, listener } = ctx
    const health = createHealth({
      ...{
        databaseUrl: ctx.database.url,
        queues,
        limiter,
        listener,
        log: silent,
        dataDir: ctx.config.dataDir,
      },
      objectStore: async () => [],
      ...parts,
    })
    const service = { name: 'capstan', version: 'test' }
    const options = { ...health, queueBackend: queues.backend, service, stopping: () => false }
    return startRoutes(ctx, healthRoutes(options), silent).then((probes) => ({
      ...probes,
      async stop() {
        await probes.stop()
        await health.probe.close()
      },
    }))
  }

  it('is degraded while the queue store is unreachable', async () => {
    const store = withOutages(ctx.queues)
    const probes = await probesWith({ queues: store.queues })
    store.set('refusing')
    const { status, json } = await probes.call('/health')
    expect([status, json.status, json.database, json.queue]).toEqual([
      200,
      'degraded',
      'healthy',
      'unhealthy',
    ])
    expect(json.causes).toEqual([expect.objectContaining({ part: 'queue', reason: 'unavailable' })])
    expect((await probes.call('/health/ready')).status).toBe(200)
    await probes.stop()
  })

  it('is degraded while rate limits are counted in process because Redis is unreachable', async () => {
    let away = true
    const probes = await probesWith({ limiter: { lost: () => away } })
    const { json } = await probes.call('/health')
    expect([json.status, json.causes[0].part]).toEqual(['degraded', 'rate_limits'])
    away = false
    expect((await probes.call('/health')).json).toMatchObject({ status: 'healthy', causes: [] })
    await probes.stop()
  })

  it('responds 503 with Retry-After while the database is unreachable, and recovers', async () => {
    const proxy = await startTcpProxy(ctx.database.url)
    const env = { DATABASE_URL: proxy.url }
    const far = await createTestContext({ beside: ctx, env })
    const farApi = await startApi(far)
    expect((await farApi.call('/jobs', { token })).status).toBe(200)
    await proxy.cut()
    const { status, headers, text, json } = await farApi.call('/jobs', { token })
    expect([status, json.error.code, headers.get('retry-after')]).toEqual([503, 'SYS_002', '2'])
    expect(text).not.toMatch(/terminat|postgres|ECONN|127\.0\.0/i)
    const health = await farApi.call('/health')
    expect([health.status, health.json.status]).toEqual([503, 'unhealthy'])
    expect((await farApi.call('/health/ready')).status).toBe(503)
    await proxy.restore()
    await until(async () => (await farApi.call('/jobs', { token })).status === 200)
    expect((await farApi.call('/health/ready')).status).toBe(200)
    await farApi.stop()
    await far.dispose()
    await proxy.cut()
  })

  it('is not ready once it is stopping', async () => {
    api.beginStopping()
    const { status, json } = await api.call('/health/ready')
    expect([status, json.status]).toEqual([503, 'not_ready'])
    expect((await api.call('/health')).status).toBe(200)
  })
})
