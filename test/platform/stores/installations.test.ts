import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterEach, describe, expect, inject, it } from 'vitest'
import { z } from 'zod'
import { createInstallation } from '../../../src/platform/installation/installation-id.ts'
import { createDb } from '../../../src/platform/postgres/db.ts'
import { backends, createTestContext, startEngine } from '../../helpers/context.ts'
import { createTestDatabase } from '../../helpers/servers/postgres-server.ts'
import { startTcpProxy } from '../../helpers/tcp-proxy.ts'
import { until } from '../../helpers/until.ts'
import { bound, deliveryOf, done, enqueue, rowOf, startDirect, testJob } from '../jobs/job-harness.ts'

const opened: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close()
})

const payload = z.strictObject({}) as unknown as ReturnType<typeof testJob>['payload']
const tick = testJob(done, { name: 'tick', payload, schedule: { everyMs: 500 } })

/** An installation with its own database and one worker of the queue `work`. */
async function installation(backend: 'postgres' | 'redis') {
  const ran: string[] = []
  const job = testJob(async ({ key }) => {
    ran.push(key)
    return { kind: 'done' }
  })
  const ctx = await createTestContext({ backend, jobs: () => bound(job, tick) })
  opened.push(ctx.dispose)
  const engine = await startEngine(ctx, { queues: ['work'] })
  opened.push(engine.stop)
  const ticks = () => ctx.db('jobs').where({ name: 'tick', state: 'completed' })
  return { ctx, job, ran, ticks }
}

describe.each(backends())('two installations over %s', (backend) => {
  it('each run all of their own jobs and schedules, and none of the other installation', async () => {
    const [one, two] = [await installation(backend), await installation(backend)]
    const sent = { one: [] as string[], two: [] as string[] }
    for (let n = 0; n < 30; n++) {
      for (const [name, { ctx, job }] of Object.entries({ one, two })) {
        const key = `${name}-${n}`
        await enqueue(ctx, job, key)
        sent[name as 'one' | 'two'].push(key)
      }
    }
    await until(async () => one.ran.length >= 30 && two.ran.length >= 30)
    expect(one.ran.toSorted()).toEqual(sent.one.toSorted())
    expect(two.ran.toSorted()).toEqual(sent.two.toSorted())
    await until(async () => (await one.ticks()).length >= 3 && (await two.ticks()).length >= 3)
    for (const { ctx } of [one, two]) {
      expect(await ctx.db('jobs').where('delivery', '>', 1)).toEqual([])
      expect((await ctx.queues.get('work').getJobCounts()).failed).toBe(0)
    }
  })
})

describe.skipIf(inject('redisUrl') === undefined)('an installation on Redis', () => {
  it('writes only keys that contain its id, with the queue as the hash tag', async () => {
    const { ctx, ticks } = await installation('redis')
    await until(async () => (await ticks()).length >= 1)
    await until(() => ctx.limiter.available())
    await ctx.limiter.take('user:a', { perSecond: 1, burst: 5 })
    const { id } = await ctx.db('installation').first()
    const redis = new Redis(inject('redisUrl') ?? '')
    const keys = (await redis.keys('*')).filter((key) => key.includes(id))
    redis.disconnect()
    expect(keys).toContain(`capstan-${id}-limit:user:a`)
    const ofQueues = keys.filter((key) => !key.includes('-limit:'))
    expect(ofQueues.length).toBeGreaterThan(3)
    for (const key of ofQueues) expect(key.startsWith(`{capstan-${id}-work}:work:`), key).toBe(true)
  })

  it('redelivers jobs that an earlier version stored under keys without the id', async () => {
    const { ctx, job, ran } = await installation('redis')
    // The row of a job that the earlier version had delivered.
    const id = await ctx.db.transaction((trx) =>
      ctx.enqueue(trx, job, { payload: { key: 'left' }, delayMs: 3_600_000 }),
    )
    await ctx
      .db('jobs')
      .where({ id })
      .update({
        undelivered: false,
        delivery: 7,
        run_at: ctx.db.fn.now(),
        delivered_at: ctx.db.raw("now() - interval '1 minute'"),
      })
    await until(() => ran.includes('left'))
    expect(await rowOf(ctx, id)).toMatchObject({ attempt: 1 })
  })
})

describe('a delivery of a job that this database does not have', () => {
  it('fails with its own code and is not completed', async () => {
    const direct = await startDirect([testJob(done)])
    opened.push(direct.dispose)
    expect(await direct.runner.run(deliveryOf(randomUUID()))).toEqual({
      kind: 'failed',
      code: 'SYS_005',
    })
  })
})

describe('the id of an installation', () => {
  it('is the same for all processes of a database and different for each database', async () => {
    const [one, two] = [await createTestDatabase(), await createTestDatabase()]
    const ids: string[] = []
    for (const { url } of [one, one, two]) {
      const db = createDb({ url, name: 'test', max: 1 })
      ids.push(await createInstallation(db).known())
      await db.destroy()
    }
    expect(ids[0]).toBe(ids[1])
    expect(ids[2]).not.toBe(ids[0])
    await one.drop()
    await two.drop()
  })

  it('is read once the database is reachable; until then no job is delivered', async () => {
    const database = await createTestDatabase()
    const proxy = await startTcpProxy(database.url)
    await proxy.cut()
    const db = createDb({ url: proxy.url, name: 'test', max: 1 })
    const installation = createInstallation(db)
    expect(installation.id()).toBeUndefined()
    const known = installation.known()
    await proxy.restore()
    expect(await known).toMatch(/^[0-9a-f-]{36}$/)
    expect(installation.id()).toBe(await known)
    await db.destroy()
    await proxy.cut()
    await database.drop()
  })
})
