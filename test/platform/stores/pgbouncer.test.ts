import { afterEach, describe, expect, inject, it, vi } from 'vitest'
import { createListener } from '../../../src/platform/events/index.ts'
import { createDb } from '../../../src/platform/postgres/db.ts'
import { migrateQueues } from '../../../src/platform/queues/index.ts'
import { createTestContext, silent, startEngine } from '../../helpers/context.ts'
import { needPrograms } from '../../helpers/servers/debian-packages.ts'
import { startPgBouncer } from '../../helpers/servers/pgbouncer.ts'
import { until } from '../../helpers/until.ts'
import { bound, done, enqueue, rowOf, testJob } from '../jobs/job-harness.ts'

const missing = needPrograms({ pgbouncer: 'pgbouncer' })
if (missing !== undefined) console.log(`Tests behind PgBouncer are skipped: ${missing}`)

const job = testJob(done)

describe.skipIf(missing !== undefined)('behind PgBouncer in transaction mode', () => {
  const opened: (() => Promise<unknown>)[] = []
  afterEach(async () => {
    vi.restoreAllMocks()
    for (const close of opened.splice(0).reverse()) await close()
  })

  async function behindPooler() {
    const direct = await createTestContext()
    opened.push(direct.dispose)
    const pooler = await startPgBouncer(direct.database.url)
    opened.push(pooler.stop)
    return { direct, pooler }
  }

  it('jobs run and live events arrive if DATABASE_DIRECT_URL bypasses the pooler', async () => {
    const { direct, pooler } = await behindPooler()
    const env = { DATABASE_URL: pooler.url, DATABASE_DIRECT_URL: direct.database.url }
    const ctx = await createTestContext({ beside: direct, env, jobs: () => bound(job) })
    opened.push(ctx.dispose)
    const heard: string[] = []
    ctx.listener.on('pooler_test', (payload) => heard.push(payload))
    const engine = await startEngine(ctx, { queues: ['work'] })
    opened.push(engine.stop)
    const ids = await Promise.all(Array.from({ length: 20 }, () => enqueue(ctx, job)))
    for (const id of ids) await until(async () => (await rowOf(ctx, id)).state === 'completed')
    await ctx.db.raw("select pg_notify('pooler_test', 'live')")
    await until(() => heard.length === 1)
    expect(ctx.listener.receivesNotifications()).toBe(true)
    const { causes } = await ctx.health.monitor.check()
    expect(causes).toEqual([])
  }, 60_000)

  it('a start without DATABASE_DIRECT_URL logs that live events are not received', async () => {
    const { pooler } = await behindPooler()
    const error = vi.spyOn(silent, 'error')
    const listener = createListener(pooler.url, silent)
    opened.push(listener.stop)
    await listener.start()
    await until(() => !listener.receivesNotifications())
    expect(error).toHaveBeenCalledWith(expect.stringContaining('Set DATABASE_DIRECT_URL'))
  }, 30_000)

  it('a query over its limit is also cancelled on the server', async () => {
    const { direct, pooler } = await behindPooler()
    const db = createDb({ url: pooler.url, name: 'pooled', max: 2, queryMs: 500 })
    opened.push(() => db.destroy())
    await direct.db.transaction(async (trx) => {
      await trx.raw('lock table jobs in access exclusive mode')
      await expect(db('jobs').count()).rejects.toMatchObject({
        code: expect.stringMatching(/ETIMEDOUT|57014/),
      })
      await until(async () => {
        const { rows } = await trx.raw(`select pid from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock'`)
        return rows.length === 0
      })
    })
  }, 30_000)

  it('queues on PostgreSQL are refused without DATABASE_DIRECT_URL, with a clear message', async () => {
    const { pooler } = await behindPooler()
    await expect(migrateQueues(pooler.url)).rejects.toThrow(/DATABASE_DIRECT_URL/)
  })

  it.skipIf(inject('redisUrl') === undefined)(
    'queues on Redis need no session',
    async () => {
      const { direct, pooler } = await behindPooler()
      const ctx = await createTestContext({
        backend: 'redis',
        beside: direct,
        env: { DATABASE_URL: pooler.url, DATABASE_DIRECT_URL: direct.database.url },
        jobs: () => bound(job),
      })
      opened.push(ctx.dispose)
      const engine = await startEngine(ctx, { queues: ['work'] })
      opened.push(engine.stop)
      const id = await enqueue(ctx, job)
      await until(async () => (await rowOf(ctx, id)).state === 'completed')
    },
    60_000,
  )
})
