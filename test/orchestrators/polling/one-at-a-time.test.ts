import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { completeCycle, finishShard, openCycle } from '../../../src/orchestrators/store/cycles.ts'
import { until } from '../../helpers/until.ts'
import { deliveryOf } from '../../platform/jobs/job-harness.ts'
import { latest, scheduled, startWorld, type World } from '../harness.ts'

describe('cycles of many workers', () => {
  let world: World
  beforeAll(async () => {
    world = await startWorld({ nodes: 3, env: { ORCHESTRATOR_SHARD_SIZE: '2' } })
  })
  afterAll(() => world?.stop())
  afterEach(async () => {
    for (const node of world.nodes) node.fault = undefined
    await world.ctx.db('orchestrator_cycles').delete()
    await world.ctx.db('jobs').delete()
  })

  const cycles = () => world.ctx.db('orchestrator_cycles').orderBy('id')
  const jobs = (name: string) => world.ctx.db('jobs').where({ name }).orderBy('created_at')
  const part = async (shard: number, runner = world.engine.runner) => {
    const [job] = await jobs('poll-shard').whereRaw("payload ->> 'shard' = ?", [String(shard)])
    return runner.run(deliveryOf(job.id, job.queue))
  }

  it('spread over the workers, and end with the last part', async () => {
    await world.engine.runner.run(await scheduled(world.ctx, Date.now() - 1000))
    expect(await cycles()).toMatchObject([{ state: 'running', shards: 2, shards_left: 2 }])
    const other = await world.another()
    await part(0, other.runner)
    expect(await cycles()).toMatchObject([{ state: 'running', shards_left: 1, online_count: null }])
    await part(1)
    expect(await cycles()).toMatchObject([
      { state: 'complete', shards_left: 0, online_count: 3, total_count: 3, unknown: 0 },
    ])
    expect(await world.ctx.db('orchestrator_samples')).toHaveLength(3)
  })

  it('go on without a part that failed for good, whose nodes are then unknown', async () => {
    await world.engine.runner.run(await scheduled(world.ctx, Date.now() - 1000))
    await part(0)
    const [job] = await jobs('poll-shard').whereRaw("payload ->> 'shard' = '1'")
    await world.ctx.db('jobs').where({ id: job.id }).update({ crashes: 6 })
    await part(1)
    // Nodes 1 and 3 are in that part; they are still believed to be online.
    expect(await cycles()).toMatchObject([{ state: 'complete', unknown: 2, total_count: 3, online_count: 3 }])
  })

  it('wait for each other, and are recorded as late', async () => {
    const dueAt = Date.now() - 20_000
    await world.engine.runner.run(await scheduled(world.ctx, dueAt))
    await world.engine.runner.run(await scheduled(world.ctx, dueAt + 10_000))
    const waiting = await jobs('poll-cycle').where({ state: 'queued' })
    expect(waiting).toHaveLength(1)
    expect(await cycles()).toHaveLength(1)
    await part(0)
    await part(1)
    await world.engine.runner.run(deliveryOf(waiting[0].id, waiting[0].queue))
    const rows = await cycles()
    expect(rows).toHaveLength(2)
    for (const [index, row] of rows.entries()) {
      const late = row.started_at.getTime() - row.due_at.getTime()
      expect(late).toBeGreaterThan(index === 0 ? 19_000 : 9_000)
    }
  })

  it('are left out when their time is over, and never run out of order', async () => {
    const dueAt = Date.now() - 200_000
    await world.engine.runner.run(await scheduled(world.ctx, dueAt))
    // More than an interval late, and the one before still runs.
    await world.engine.runner.run(await scheduled(world.ctx, dueAt + 60_000))
    await part(0)
    await part(1)
    await world.engine.runner.run(await scheduled(world.ctx, dueAt - 60_000))
    expect(await cycles()).toHaveLength(1)
    expect(await jobs('poll-cycle').where({ state: 'completed' })).toHaveLength(3)
  })

  it('can not both run, whatever the code thinks', async () => {
    await world.engine.runner.run(await scheduled(world.ctx, Date.now() - 1000))
    const again = world.ctx.db('orchestrator_cycles').insert({
      job_id: '00000000-0000-4000-8000-000000000001',
      due_at: new Date(),
      started_at: new Date(),
      seconds: 60,
      min_online: 2,
    })
    await expect(again).rejects.toMatchObject({ constraint: 'orchestrator_cycles_running' })
  })

  it('begin after the one before has ended, also when they waited for its very end', async () => {
    const { db } = world.ctx
    await world.engine.runner.run(await scheduled(world.ctx, Date.now() - 1000))
    const [{ id }] = await cycles()
    const ending = await db.transaction()
    await finishShard(ending, id)
    await finishShard(ending, id)
    const about = { jobId: randomUUID(), dueAt: new Date(), seconds: 60, shards: 1, minOnline: 2 }
    const opening = db.transaction((trx) => openCycle(trx, about))
    const isWaiting = () => db('pg_locks').where({ granted: false, locktype: 'transactionid' }).first('pid')
    await until(isWaiting)
    await completeCycle(ending, id, {
      ...{ onlineCount: 0, totalCount: 3, throttled: 0, unknown: 3 },
      ...{ bridgeStatus: null, networks: {}, diverged: {} },
    })
    await ending.commit()
    expect((await opening).kind).toBe('open')
    const [before, after] = await cycles()
    expect(after.started_at.getTime()).toBeGreaterThanOrEqual(before.finished_at.getTime())
  })

  it('are one when many workers get them at once', async () => {
    const other = await world.another()
    const dueAt = Date.now() - 1000
    await Promise.all(
      [world.engine, other, world.engine, other].map(async ({ runner }) =>
        runner.run(await scheduled(world.ctx, dueAt)),
      ),
    )
    expect(await jobs('poll-cycle')).toHaveLength(1)
    expect(await cycles()).toHaveLength(1)
    expect(await jobs('poll-shard')).toHaveLength(2)
  })
})

describe('a worker that dies in the middle of a cycle', () => {
  let world: World
  beforeAll(async () => {
    world = await startWorld({ nodes: 2 })
  })
  afterAll(() => world?.stop())

  it('leaves a cycle that its successor ends, while the next one waits', async () => {
    const { ctx, engine } = world
    world.node(0).fault = 'hang'
    const dueAt = Date.now() - 30_000
    const dying = engine.runner.run(await scheduled(world.ctx, dueAt))
    const row = await until(() => latest(ctx))
    // Its lease is taken from it, as if it had not been heard of for too long: nothing that it learns counts.
    await ctx
      .db('jobs')
      .where({ id: row.job_id })
      .update({ lease_until: ctx.db.raw("now() - interval '1 s'") })
    const other = await world.another()
    world.node(0).fault = undefined
    await other.runner.run(deliveryOf(row.job_id, 'poll-orchestrators'))
    await dying
    const [cycle, ...others] = await ctx.db('orchestrator_cycles')
    expect(others).toEqual([])
    expect(cycle).toMatchObject({ id: row.id, state: 'complete', online_count: 2 })
    // Not of the time before the crash.
    expect(cycle.started_at.getTime()).toBeGreaterThan(row.started_at.getTime())
    expect(await ctx.db('orchestrator_samples')).toHaveLength(2)
    expect(await ctx.db('jobs').where({ id: row.job_id }).first()).toMatchObject({ crashes: 1 })
  })

  it('for good leaves a cycle that the next one puts aside', async () => {
    const { ctx, engine } = world
    world.node(0).fault = 'hang'
    const dying = engine.runner.run(await scheduled(world.ctx, Date.now() - 20_000))
    const row = await until(async () => {
      const found = await latest(ctx)
      return found.state === 'running' && found
    })
    // Its job is over; its cycle never heard of that.
    await ctx
      .db('jobs')
      .where({ id: row.job_id })
      .update({ state: 'cancelled', lease_until: null, fence: ctx.db.raw('fence + 1') })
    await dying
    world.node(0).fault = undefined
    await engine.runner.run(await scheduled(world.ctx, Date.now() - 10_000))
    await world.deliverWaiting()
    expect(await ctx.db('orchestrator_cycles').orderBy('id').select('state')).toEqual([
      { state: 'complete' },
      { state: 'abandoned' },
      { state: 'complete' },
    ])
  })
})
