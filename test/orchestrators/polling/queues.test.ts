import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { backends, createTestContext, startEngine, type TestContext } from '../../helpers/context.ts'
import { until } from '../../helpers/until.ts'
import { startWorld, type World } from '../harness.ts'

const env = { ORCHESTRATOR_POLL_INTERVAL: '1', ORCHESTRATOR_SHARD_SIZE: '2' }

describe.each(backends())('cycles through the queues over %s', (backend) => {
  let world: World
  const workers: { ctx: TestContext; engine: Awaited<ReturnType<typeof startEngine>> }[] = []
  beforeAll(async () => {
    world = await startWorld({ nodes: 3, backend, env })
  })
  afterAll(async () => {
    for (const { ctx, engine } of workers) {
      await engine.stop()
      await ctx.dispose()
    }
    await world?.stop()
  })

  it('come by their schedule, one after the other, and each is done once by two workers together', async () => {
    for (let n = 0; n < 2; n++) {
      const ctx = await createTestContext({ env: world.env, beside: world.ctx })
      workers.push({ ctx, engine: await startEngine(ctx, { queues: ['poll-orchestrators'] }) })
    }
    const { db } = world.ctx
    const complete = () => db('orchestrator_cycles').where({ state: 'complete' }).orderBy('id')
    const rows = await until(
      async () => {
        const found = await complete()
        return found.length >= 4 && found.slice(0, 4)
      },
      { timeoutMs: 60_000, what: 'four cycles are complete' },
    )
    for (const [index, row] of rows.entries()) {
      expect(row).toMatchObject({ shards: 2, shards_left: 0, online_count: 3, total_count: 3, unknown: 0 })
      const before = rows[index - 1]
      if (before === undefined) continue
      expect(row.started_at.getTime()).toBeGreaterThanOrEqual(before.finished_at.getTime())
      expect(row.due_at.getTime()).toBeGreaterThan(before.due_at.getTime())
    }
    const ids = rows.map(({ id }) => id)
    const samples = await db('orchestrator_samples').whereIn('cycle_id', ids).select('cycle_id', 'node_id')
    expect(samples).toHaveLength(4 * 3)
    expect(new Set(samples.map((each) => `${each.cycle_id}:${each.node_id}`)).size).toBe(4 * 3)
  })
})
