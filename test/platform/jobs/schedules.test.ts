import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { dropStoredSchedules, makeDueJobs } from '../../../src/platform/jobs/schedules.ts'
import { backends, createTestContext, startEngine } from '../../helpers/context.ts'
import { until } from '../../helpers/until.ts'
import { bound, done, testJob } from './job-harness.ts'

const payload = z.strictObject({}) as unknown as ReturnType<typeof testJob>['payload']
const everyMs = 60_000
const tick = testJob(done, { name: 'tick', payload, schedule: { everyMs, subject: 'time' } })
const often = testJob(done, { name: 'often', payload, schedule: { everyMs: 150 } })

describe.each(backends())('schedules over %s', (backend) => {
  const opened: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const close of opened.splice(0).reverse()) await close()
  })

  async function contextOf(...jobs: ReturnType<typeof testJob>[]) {
    const ctx = await createTestContext({ backend, jobs: () => bound(...jobs) })
    opened.push(ctx.dispose)
    const { db } = ctx
    const due = () => makeDueJobs(db, bound(...jobs))
    const inMs = async () => {
      const { rows } = await db.raw(
        'select (extract(epoch from next_at - clock_timestamp()) * 1000)::float8 as ms from job_schedules',
      )
      return rows[0].ms
    }
    const shift = (interval: string) =>
      db('job_schedules').update({ next_at: db.raw('clock_timestamp() + ?::interval', [interval]) })
    const begin = () => db('jobs').update({ started_at: db.fn.now(), state: 'completed' })
    return { ctx, due, inMs, shift, begin }
  }

  it('are due at once when new, then after each interval', async () => {
    const { ctx, due, inMs } = await contextOf(tick)
    expect(await due()).toMatchObject({ made: 1, corrected: [] })
    expect(await due()).toMatchObject({ made: 0 })
    expect(await inMs()).toBeLessThanOrEqual(everyMs)
    expect(await inMs()).toBeGreaterThan(everyMs - 10_000)
    expect(await ctx.db('jobs')).toMatchObject([
      { queue: 'work', name: 'tick', subject: 'time', undelivered: true },
    ])
  })

  it('create one job for each due time, whatever the number of processes', async () => {
    const { ctx, due } = await contextOf(tick)
    await Promise.all([due(), due(), due()])
    await due()
    expect(await ctx.db('jobs')).toHaveLength(1)
  })

  it('create one late job for all missed due times and keep their times', async () => {
    const { ctx, due, inMs, shift, begin } = await contextOf(tick)
    await due()
    await begin()
    await shift('-150 seconds')
    expect(await due()).toMatchObject({ made: 1 })
    const late = await ctx.db('jobs').whereNull('started_at').first()
    expect(late.late_ms).toBeGreaterThanOrEqual(150_000)
    // Due 150 s ago and every minute: next in 30 s.
    expect(await inMs()).toBeLessThanOrEqual(30_000)
    expect(await inMs()).toBeGreaterThan(20_000)
  })

  it('create their job even after months without a running process', async () => {
    const { ctx, due, shift, begin } = await contextOf(tick)
    await due()
    await begin()
    await shift('-100 days')
    expect(await due()).toMatchObject({ made: 1 })
    expect((await ctx.db('jobs').whereNull('started_at').first()).late_ms).toBe(2 ** 31 - 1)
  })

  it('create no second job before the first has started', async () => {
    const { ctx, due, inMs, shift } = await contextOf(tick)
    await due()
    await shift('-1 second')
    expect(await due()).toMatchObject({ made: 0 })
    expect(await inMs()).toBeGreaterThan(0)
    expect(await ctx.db('jobs')).toHaveLength(1)
  })

  it('are due at once if their next time is more than one interval away', async () => {
    const { ctx, due, inMs, shift, begin } = await contextOf(tick)
    await due()
    await begin()
    await shift('2 hours')
    expect(await due()).toMatchObject({ made: 1, corrected: ['work/tick'] })
    expect(await inMs()).toBeLessThanOrEqual(everyMs)
    expect(await ctx.db('jobs')).toHaveLength(2)
    await begin()
    await shift('50 seconds')
    expect(await due()).toMatchObject({ made: 0, corrected: [] })
  })

  it('use a changed interval of the catalogue', async () => {
    const { ctx, due, inMs } = await contextOf(tick)
    await due()
    await makeDueJobs(ctx.db, bound(testJob(done, { name: 'tick', schedule: { everyMs: 10_000 } })))
    expect(await inMs()).toBeLessThanOrEqual(10_000)
  })

  it('of the queue library, created by earlier versions, are removed', async () => {
    const { ctx } = await contextOf(tick)
    const queue = ctx.queues.get('work')
    await queue.upsertJobScheduler('tick', { every: everyMs }, { name: 'tick', data: { schedule: 'tick' } })
    await dropStoredSchedules(ctx.queues, bound(tick))
    expect(await queue.getJobSchedulers(0, -1)).toEqual([])
    expect(await queue.getJobCounts()).toMatchObject({ delayed: 0 })
  })

  it('run repeatedly, with one row for each due time', async () => {
    const { ctx } = await contextOf(often)
    const engine = await startEngine(ctx, { queues: ['work'] })
    opened.push(engine.stop)
    await until(async () => (await ctx.db('jobs').where({ state: 'completed', name: 'often' })).length >= 3)
    const rows = await ctx.db('jobs').where({ name: 'often' }).select('due_key', 'crashes')
    expect(new Set(rows.map((row) => row.due_key)).size).toBe(rows.length)
    expect(rows.every((row) => row.due_key !== null && row.crashes === 0)).toBe(true)
  })
})
