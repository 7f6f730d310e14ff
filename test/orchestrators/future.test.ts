import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { until } from '../helpers/until.ts'
import { latest, scheduled, startWorld, type World } from './harness.ts'

describe('a poll cycle that is recorded two hours in the future', () => {
  let world: World
  beforeAll(async () => {
    world = await startWorld({ nodes: 2 })
  })
  afterAll(() => world?.stop())

  const status = async () => (await world.call('/orchestrators/status')).json

  it('shows as stale, and keeps no cycle from running or from being the latest', async () => {
    const { ctx, engine } = world
    await engine.runner.run(await scheduled(ctx, Date.now() - 1000))
    await until(async () => (await status()).online_count === 2)
    const ahead = (column: string) => ctx.db.raw(`?? + interval '2 hours'`, [column])
    await ctx.db('orchestrator_cycles').update({
      ...{ due_at: ahead('due_at'), started_at: ahead('started_at'), finished_at: ahead('finished_at') },
    })
    await ctx
      .db('orchestrator_states')
      .update({ checked_at: ahead('checked_at'), momentum_at: ahead('momentum_at') })
    await ctx.db.transaction((trx) =>
      trx.raw("select append_events(array['orchestrators'], array['nodes_changed'], array['{}'::json])"),
    )
    await until(async () => (await status()).stale === true)

    world.node(0).fault = 'hang'
    for (let n = 0; n < 3; n++) await engine.runner.run(await scheduled(ctx, Date.now()))
    const cycle = await latest(ctx)
    expect(cycle).toMatchObject({ state: 'complete', online_count: 1 })
    expect(cycle.started_at.getTime()).toBeLessThanOrEqual(Date.now() + 1000)
    await until(async () => (await status()).online_count === 1)
    expect(await status()).toMatchObject({ stale: false, timestamp: cycle.finished_at.toISOString() })
    const states = await ctx.db('orchestrator_states').whereRaw("checked_at > now() + interval '1 minute'")
    expect(states).toEqual([])
  })
})
