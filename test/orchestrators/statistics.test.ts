import { randomUUID } from 'node:crypto'
import { Command } from 'commander'
import fc from 'fast-check'
import type { Knex } from 'knex'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { registerNodeCommands } from '../../src/orchestrators/commands.ts'
import { nodeHistory } from '../../src/orchestrators/history.ts'
import { bridgeStatistics } from '../../src/orchestrators/statistics/bridge.ts'
import { networkStatistics } from '../../src/orchestrators/statistics/networks.ts'
import { cut, lengthOf, type Span, without } from '../../src/orchestrators/statistics/pieces.ts'
import { uptimeStatistics } from '../../src/orchestrators/statistics/uptime.ts'
import { makePartitions, removeOldSamples } from '../../src/orchestrators/store/partitions.ts'
import {
  addBridgeRollups,
  addNodeRollups,
  grains,
  rebuildRollups,
} from '../../src/orchestrators/store/rollups.ts'
import { createTestContext, type TestContext } from '../helpers/context.ts'

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour
const start = Date.UTC(2026, 0, 30, 22, 7)
const nodeNames = ['Anvil', 'Basalt', 'Cedar']
const seconds = 600

interface CycleRow {
  at: number
  online: number
  total: number
  isOnline: boolean | null
  wraps: number
  unwraps: number
  samples: { nodeId: number; verdict: string; confirmed: boolean | null }[]
}

/** Three days over the end of a month, a cycle every ten minutes, with gaps, throttled and bad samples. */
function history(seed: number): CycleRow[] {
  let state = seed
  const random = () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return state / 2_147_483_648
  }
  const rows: CycleRow[] = []
  for (let at = start; at < start + 3 * day; at += seconds * 1000) {
    if (random() < 0.1) continue
    const samples = nodeNames.map((_, index) => {
      const dice = random()
      const verdict = dice < 0.7 ? 'g' : dice < 0.9 ? 'b' : 't'
      return { nodeId: index + 1, verdict, confirmed: verdict === 'g' || random() < 0.3 }
    })
    const online = samples.filter((each) => each.confirmed).length
    const isOnline = random() < 0.02 ? null : online >= 2
    const [wraps, unwraps] = [Math.floor(random() * 3), Math.floor(random() * 5)]
    rows.push({ at: at + Math.floor(random() * 1000), online, total: 3, isOnline, wraps, unwraps, samples })
  }
  return rows
}

/** As the cycles themselves were written: one after the other, each adding to the sums. */
async function write(db: Knex, rows: CycleRow[]): Promise<void> {
  for (const name of nodeNames)
    await db('orchestrator_nodes').insert({
      name,
      ip_address: `192.0.2.${name.length}`,
      rpc_port: 55_000 + nodeNames.indexOf(name),
    })
  await makePartitions(db, new Date(start))
  await db.transaction(async (trx) => {
    for (const row of rows) {
      const at = new Date(row.at)
      const [{ id }] = await trx('orchestrator_cycles')
        .insert({
          ...{
            job_id: randomUUID(),
            state: 'complete',
            due_at: at,
            started_at: at,
            finished_at: at,
            seconds,
          },
          ...{ min_online: 2, online_count: row.online, total_count: row.total, shards_left: 0 },
          bridge_status: row.isOnline === null ? null : row.isOnline ? 'online' : 'offline',
          networks: JSON.stringify({ eth: { wraps: row.wraps, unwraps: row.unwraps } }),
        })
        .returning('id')
      await trx('orchestrator_samples').insert(
        row.samples.map((each) => ({
          ...{ at, cycle_id: id, seconds, node_id: each.nodeId },
          ...{ verdict: each.verdict, confirmed: each.confirmed, state: 0 },
        })),
      )
      await addNodeRollups(trx, { at, nodeIds: [1, 2, 3] })
      await addBridgeRollups(trx, id)
    }
  })
}

const sums = ['node', 'bridge', 'network'].flatMap((what) =>
  grains.map((grain) => `orchestrator_${what}_${grain}s`),
)
const contents = async (db: Knex) =>
  Object.fromEntries(
    await Promise.all(
      sums.map(async (table) => {
        const { rows } = await db.raw(`select t::text as row from ${table} t order by 1`)
        return [table, rows.map((each: { row: string }) => each.row)]
      }),
    ),
  )

const inSpans = (spans: Span[], at: number) => spans.some((span) => span.from <= at && at < span.to)
const percent = (part: number, whole: number) =>
  whole === 0 ? null : Number(((part / whole) * 100).toFixed(2))

const times = fc.integer({ min: -6 * hour, max: 3 * day + 6 * hour }).map((offset) => start + offset)
const spans = fc
  .tuple(times, times)
  .filter(([a, b]) => a !== b)
  .map(([a, b]) => ({ from: Math.min(a, b), to: Math.max(a, b) }))

describe('pieces of time', () => {
  it('cover what they are cut from, once and on whole hours and days', () => {
    fc.assert(
      fc.property(spans, fc.array(spans, { maxLength: 4 }), (period, taken) => {
        const left = without(period, taken)
        const { days, hours, rest } = cut(left)
        const all = [...days, ...hours, ...rest].toSorted((a, b) => a.from - b.from)
        for (const [index, each] of all.entries())
          expect(each.to).toBeLessThanOrEqual(all[index + 1]?.from ?? each.to)
        expect(lengthOf(all)).toBe(lengthOf(left))
        expect(days.every((each) => each.from % day === 0 && each.to % day === 0)).toBe(true)
        expect(hours.every((each) => each.from % hour === 0 && each.to % hour === 0)).toBe(true)
        expect(lengthOf(rest)).toBeLessThan(2 * hour * (taken.length + 1) * 2)
        for (const at of [period.from, period.to - 1]) expect(inSpans(left, at)).toBe(!inSpans(taken, at))
      }),
    )
  })
})

describe('statistics', () => {
  let ctx: TestContext
  const rows = history(42)
  beforeAll(async () => {
    ctx = await createTestContext()
    await write(ctx.db, rows)
  })
  afterAll(() => ctx?.dispose())

  it('are the same when their sums are made again from samples and cycles', async () => {
    const before = await contents(ctx.db)
    expect(before.orchestrator_node_hours?.length).toBeGreaterThan(200)
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 4 }),
        fc.integer({ min: 1, max: 4 }),
        async (first, count) => {
          const from = Math.floor(start / day) * day + first * day
          const days = { from: new Date(from), to: new Date(from + count * day) }
          await ctx.db.transaction((trx) => rebuildRollups(trx, days))
          expect(await contents(ctx.db)).toEqual(before)
        },
      ),
      { numRuns: 6 },
    )
  })

  it('of uptime follow the formula, for any period and any maintenance', async () => {
    const windows = fc.array(fc.tuple(spans, fc.constantFrom<number[] | null>(null, [1], [2, 3])), {
      maxLength: 3,
    })
    await fc.assert(
      fc.asyncProperty(spans, windows, async (period, maintenance) => {
        await ctx.db('orchestrator_maintenance_windows').delete()
        for (const [span, node_ids] of maintenance) {
          const [starts_at, ends_at] = [new Date(span.from), new Date(span.to)]
          await ctx
            .db('orchestrator_maintenance_windows')
            .insert({ id: randomUUID(), node_ids, starts_at, ends_at, reason: 'test', created_by: 'test' })
        }
        const answer = await uptimeStatistics(ctx.db, period)
        const countedFor = (id: number | null) =>
          without(
            period,
            maintenance
              .filter(([, ids]) => ids === null || (id !== null && ids.includes(id)))
              .map(([span]) => span),
          )
        const bridge = rows.filter((row) => row.isOnline !== null && inSpans(countedFor(null), row.at))
        expect(answer.bridge_uptime_percentage).toBe(
          percent(bridge.filter((row) => row.isOnline).length, bridge.length),
        )
        for (const node of answer.node_uptimes) {
          const counted = countedFor(node.node_id)
          const measured = rows
            .filter((row) => inSpans(counted, row.at))
            .flatMap((row) =>
              row.samples.filter((each) => each.nodeId === node.node_id && each.verdict !== 't'),
            )
          const online = measured.filter((each) => each.confirmed).length
          expect(node).toMatchObject({
            total_snapshots: measured.length,
            online_snapshots: online,
            uptime_percentage: percent(online, measured.length),
          })
          const length = lengthOf(counted)
          const ratio = length === 0 ? null : Math.min(1, (measured.length * seconds * 1000) / length)
          expect(node.measured_ratio).toBe(ratio === null ? null : Number(ratio.toFixed(6)))
        }
      }),
      { numRuns: 40 },
    )
    await ctx.db('orchestrator_maintenance_windows').delete()
  })

  it('of the bridge count cycles in buckets, with nothing said where nothing was measured', async () => {
    const choices = fc.tuple(fc.integer({ min: 1, max: 80 }), fc.constantFrom(7, 30, 60, 180, 1440), times)
    await fc.assert(
      fc.asyncProperty(choices, async ([hours, intervalMinutes, now]) => {
        const answer = await bridgeStatistics(ctx.db, { hours, intervalMinutes, now })
        const from = now - hours * hour
        expect(answer.data_points).toHaveLength(Math.ceil((hours * 60) / intervalMinutes))
        for (const [index, point] of answer.data_points.entries()) {
          const begin = from + index * intervalMinutes * minute
          const end = Math.min(now, begin + intervalMinutes * minute)
          const inside = rows.filter((row) => row.isOnline !== null && row.at >= begin && row.at < end)
          const counts = inside.map((row) => row.online).toSorted((a, b) => a - b)
          const share = inside.filter((row) => row.isOnline).length / inside.length
          expect(point).toEqual({
            timestamp: new Date(begin).toISOString(),
            online_count: counts[Math.floor((counts.length - 1) / 2)] ?? null,
            total_count: inside.length === 0 ? null : 3,
            is_bridge_online: inside.length === 0 ? null : share >= 0.5,
            online_ratio: inside.length === 0 ? null : Number(share.toFixed(4)),
            min_online_count: counts[0] ?? null,
            max_online_count: counts.at(-1) ?? null,
          })
        }
      }),
      { numRuns: 25 },
    )
  })

  it('of the bridge over a year come from the sums by hour, and say the same', async () => {
    const now = start + 3 * day
    const answer = await bridgeStatistics(ctx.db, { hours: 8760, intervalMinutes: 60, now })
    const end = Math.ceil(now / hour) * hour
    expect(answer).toMatchObject({
      period_end: new Date(end).toISOString(),
      period_start: new Date(end - 8760 * hour).toISOString(),
    })
    expect(answer.data_points).toHaveLength(8760)
    for (const point of answer.data_points.slice(-80)) {
      const begin = Date.parse(point.timestamp)
      const inside = rows.filter((row) => row.isOnline !== null && row.at >= begin && row.at < begin + hour)
      const counts = inside.map((row) => row.online).toSorted((a, b) => a - b)
      expect(point.online_count).toBe(counts[Math.floor((counts.length - 1) / 2)] ?? null)
    }
  })

  it('of networks tell gauges', async () => {
    await fc.assert(
      fc.asyncProperty(spans, async (period) => {
        const answer = await networkStatistics(ctx.db, period)
        const inside = rows.filter((row) => row.isOnline !== null && inSpans([period], row.at))
        const sum = inside.reduce((total, row) => total + row.wraps, 0)
        expect(answer.networks.map((each) => each.network)).toEqual(['bnb', 'eth', 'supernova'])
        const above = inside.filter((row) => row.wraps > 0).length
        expect(answer.networks[1]).toMatchObject({
          total_wraps: sum,
          wraps: {
            current: inside.at(-1)?.wraps ?? null,
            max: inside.length === 0 ? null : Math.max(...inside.map((row) => row.wraps)),
            avg: inside.length === 0 ? null : Number((sum / inside.length).toFixed(2)),
            minutes_above_zero: inside.length === 0 ? null : (above * seconds) / 60,
          },
        })
      }),
      { numRuns: 25 },
    )
  })

  it('of history page to the end, by page and by cursor, with a true total', async () => {
    const query = fc.record({
      page: fc.integer({ min: 1, max: 12 }),
      page_size: fc.integer({ min: 1, max: 60 }),
      period: fc.option(spans, { nil: undefined }),
    })
    await fc.assert(
      fc.asyncProperty(query, async ({ page, page_size, period }) => {
        const bounds = period && { start_time: new Date(period.from), end_time: new Date(period.to) }
        const found = await nodeHistory(ctx.db, 2, { page, page_size, ...bounds })
        const all = rows
          .map((row) => row.at)
          .filter((at) => period === undefined || (at >= period.from && at <= period.to))
          .toReversed()
        expect(found.total).toBe(all.length)
        const expected = all.slice((page - 1) * page_size, page * page_size)
        expect(found.snapshots.map((each) => each.at.getTime())).toEqual(expected)
        if (found.nextCursor === null) return
        const next = await nodeHistory(ctx.db, 2, { page: 1, page_size, ...bounds, cursor: found.nextCursor })
        expect(next.snapshots.map((each) => each.at.getTime())).toEqual(
          all.slice(page * page_size, (page + 1) * page_size),
        )
      }),
      { numRuns: 40 },
    )
  })

  it('have their sums made again by a command, for days whose samples are there', async () => {
    const before = await contents(ctx.db)
    const run = async (...args: string[]) => {
      let output = ''
      const program = new Command().exitOverride().configureOutput({ writeErr: () => undefined })
      registerNodeCommands(program, {
        env: {},
        stdout: { write: (text) => (output += text) },
        exitWith: () => undefined,
        withDb: (work) => work({ db: ctx.db, rpcPort: 1 }),
      })
      await program.parseAsync(['nodes', 'rebuild', ...args], { from: 'user' })
      return output
    }
    await ctx.db('orchestrator_node_days').update({ online: 0 })
    expect(await run('--to', '2026-02-03')).toBe('rebuilt 2026-01-30 to 2026-02-03\n')
    expect(await contents(ctx.db)).toEqual(before)
    await expect(run('--from', '2026-01-01')).rejects.toThrow('from 2026-01-30 on only')
    await expect(run('--from', '2026-02-30')).rejects.toThrow('Expected a day')
  })

  // Last: it takes samples away.
  it('outlive their samples, which go by whole days', async () => {
    const before = await contents(ctx.db)
    const now = new Date(Date.UTC(2026, 1, 4, 12))
    const total = async () => (await nodeHistory(ctx.db, 1, { page: 1, page_size: 10 })).total
    const all = await total()
    // January's partition at once, then the first of February in rows.
    expect(await removeOldSamples(ctx.db, 2, now)).toBe(1)
    expect(await removeOldSamples(ctx.db, 2, now)).toBeGreaterThan(0)
    expect(await removeOldSamples(ctx.db, 2, now)).toBe(0)
    expect(await contents(ctx.db)).toEqual(before)
    const kept = rows.filter((row) => row.at >= Date.UTC(2026, 1, 2)).length
    expect(await total()).toBe(kept)
    expect(kept).toBeLessThan(all)
    expect(await removeOldSamples(ctx.db, undefined, now)).toBe(0)
  })

  it('have their partitions made ahead of time', async () => {
    expect(await makePartitions(ctx.db, new Date(Date.UTC(2027, 10, 30, 23, 59)))).toBe(3)
    expect(await makePartitions(ctx.db, new Date(Date.UTC(2027, 10, 30, 23, 59)))).toBe(0)
    const { rows: found } = await ctx.db.raw(
      `select to_regclass('orchestrator_samples_2028_01') is not null as there`,
    )
    expect(found[0].there).toBe(true)
  })
})
