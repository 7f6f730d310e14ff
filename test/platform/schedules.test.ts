import { afterEach, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { ensureSchedules } from '../../src/platform/jobs/schedules.ts'
import type { DeliveryJob } from '../../src/platform/queues/index.ts'
import { backends, createTestContext, startEngine } from '../helpers/context.ts'
import { until } from '../helpers/until.ts'
import { bound, done, testJob } from './job-harness.ts'
import { emptyQueueStore } from './queue-store.ts'

const payload = z.strictObject({}) as unknown as ReturnType<typeof testJob>['payload']
const everyMs = 60_000
const hourly = testJob(done, { name: 'tick', payload, schedule: { everyMs } })
const often = testJob(done, { name: 'often', payload, schedule: { everyMs: 150 } })

describe.each(backends())('schedules over %s', (backend) => {
  const opened: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const close of opened.splice(0).reverse()) await close()
  })

  async function contextOf(...jobs: ReturnType<typeof testJob>[]) {
    const ctx = await createTestContext({ backend, jobs: () => bound(...jobs) })
    opened.push(ctx.dispose)
    const queue = ctx.queues.get('work')
    const schedulers = () => queue.getJobSchedulers(0, -1)
    return { ctx, queue, schedulers }
  }

  it('puts a missing schedule back, and leaves one that is right alone', async () => {
    const { ctx, queue, schedulers } = await contextOf(hourly)
    const writes = vi.spyOn(queue, 'upsertJobScheduler')
    const ensure = () => ensureSchedules(ctx.queues, bound(hourly, testJob(done)))
    await ensure()
    const [first] = await schedulers()
    expect(first).toMatchObject({ key: 'tick' })
    expect(Number(first?.every)).toBe(everyMs)
    await ensure()
    await ensure()
    expect(writes).toHaveBeenCalledTimes(1)
    expect(await schedulers()).toEqual([first])
    await emptyQueueStore(ctx)
    await ensure()
    expect(writes).toHaveBeenCalledTimes(2)
    expect(await schedulers()).toHaveLength(1)
  })

  it('corrects a schedule whose interval the catalogue changed', async () => {
    const { ctx, schedulers } = await contextOf(hourly)
    await ensureSchedules(ctx.queues, bound(hourly))
    await ensureSchedules(ctx.queues, bound(testJob(done, { name: 'tick', schedule: { everyMs: 30_000 } })))
    expect((await schedulers()).map((each) => Number(each.every))).toEqual([30_000])
  })

  it('makes one row per due time, however often it is delivered, and records how late it was', async () => {
    const { ctx } = await contextOf(hourly)
    const engine = await startEngine(ctx, { queues: [], without: ['dispatcher', 'keeper', 'reconciler'] })
    opened.push(engine.stop)
    const dueAt = Date.now() - 90_000
    const due = (prevMillis: number, schedule = 'tick') =>
      engine.runner.run({
        data: { schedule },
        queueName: 'work',
        opts: { prevMillis },
        timestamp: Date.now(),
      } as DeliveryJob)
    await Promise.all([due(dueAt), due(dueAt)])
    await due(dueAt)
    const rows = await ctx.db('jobs').select()
    expect(rows).toMatchObject([{ state: 'completed', attempt: 1, due_key: `work/tick@${dueAt}` }])
    expect(rows[0].late_ms).toBeGreaterThanOrEqual(90_000)
    expect(rows[0].late_ms).toBeLessThan(100_000)
    await due(dueAt + everyMs)
    expect(await ctx.db('jobs')).toHaveLength(2)
    expect(await due(dueAt, 'retired')).toEqual({ kind: 'completed' })
    expect(await ctx.db('jobs')).toHaveLength(2)
  })

  it('runs on time after time, a row for each', async () => {
    const { ctx } = await contextOf(often)
    const engine = await startEngine(ctx, { queues: ['work'] })
    opened.push(engine.stop)
    await until(async () => (await ctx.db('jobs').where({ state: 'completed' })).length >= 3)
    const rows = await ctx.db('jobs').select('due_key', 'crashes')
    expect(new Set(rows.map((row) => row.due_key)).size).toBe(rows.length)
    expect(rows.every((row) => row.due_key !== null && row.crashes === 0)).toBe(true)
  })
})
