import type { Knex } from 'knex'

const day = 24 * 3_600_000

export const grains = ['hour', 'day'] as const
export type Grain = (typeof grains)[number]

/**
 * The only code that turns samples into sums, for the cycle that was just written and for a rebuild, so that incremental
 * and recomputed sums cannot differ. `true` marks the columns that the sums are grouped by.
 */
const nodeSums = (grain: Grain, where: string) => `
  insert into orchestrator_node_${grain}s as t
    (node_id, ${grain}, samples, measured, online, measured_seconds, online_seconds)
  select node_id, date_trunc('${grain}', at, 'UTC'), count(*),
    count(*) filter (where verdict <> 't'),
    count(*) filter (where verdict <> 't' and confirmed),
    coalesce(sum(seconds) filter (where verdict <> 't'), 0),
    coalesce(sum(seconds) filter (where verdict <> 't' and confirmed), 0)
  from orchestrator_samples where ${where} group by 1, 2
  on conflict (node_id, ${grain}) do update set samples = t.samples + excluded.samples,
    measured = t.measured + excluded.measured, online = t.online + excluded.online,
    measured_seconds = t.measured_seconds + excluded.measured_seconds,
    online_seconds = t.online_seconds + excluded.online_seconds`

const measuredCycles = `state = 'complete' and bridge_status is not null`

const bridgeSums = (grain: Grain, where: string) => `
  insert into orchestrator_bridge_${grain}s as t
    (${grain}, online_count, total_count, is_online, cycles, seconds)
  select date_trunc('${grain}', started_at, 'UTC'), online_count, total_count, bridge_status = 'online',
    count(*), sum(seconds)
  from orchestrator_cycles where ${measuredCycles} and ${where} group by 1, 2, 3, 4
  on conflict (${grain}, online_count, total_count, is_online) do update set
    cycles = t.cycles + excluded.cycles, seconds = t.seconds + excluded.seconds`

const networkSums = (grain: Grain, where: string) => `
  insert into orchestrator_network_${grain}s as t (${grain}, network, cycles,
    wraps_sum, wraps_max, wraps_above_seconds, unwraps_sum, unwraps_max, unwraps_above_seconds)
  select date_trunc('${grain}', started_at, 'UTC'), n.key, count(*),
    sum(w), max(w), coalesce(sum(seconds) filter (where w > 0), 0),
    sum(u), max(u), coalesce(sum(seconds) filter (where u > 0), 0)
  from orchestrator_cycles, jsonb_each(networks) n,
    lateral (select (n.value ->> 'wraps')::bigint as w, (n.value ->> 'unwraps')::bigint as u) v
  where ${measuredCycles} and ${where} group by 1, 2
  on conflict (${grain}, network) do update set cycles = t.cycles + excluded.cycles,
    wraps_sum = t.wraps_sum + excluded.wraps_sum, wraps_max = greatest(t.wraps_max, excluded.wraps_max),
    wraps_above_seconds = t.wraps_above_seconds + excluded.wraps_above_seconds,
    unwraps_sum = t.unwraps_sum + excluded.unwraps_sum,
    unwraps_max = greatest(t.unwraps_max, excluded.unwraps_max),
    unwraps_above_seconds = t.unwraps_above_seconds + excluded.unwraps_above_seconds`

/** Adds the samples that a cycle has just written. */
export async function addNodeRollups(
  trx: Knex.Transaction,
  samples: { at: Date; nodeIds: number[] },
): Promise<void> {
  const where = 'node_id = any(:nodeIds) and at = :at'
  // Both tables in one statement, to save a round trip per cycle.
  await trx.raw(`with hours as (${nodeSums('hour', where)}) ${nodeSums('day', where)}`, { ...samples })
}

/** Adds a cycle that has just been completed. */
export async function addBridgeRollups(trx: Knex.Transaction, cycleId: string): Promise<void> {
  const where = 'id = :cycleId'
  await trx.raw(
    `with a as (${bridgeSums('hour', where)}), b as (${networkSums('hour', where)}), c as (${bridgeSums('day', where)})
     ${networkSums('day', where)}`,
    { cycleId },
  )
}

/** The first day (UTC) whose samples are complete; undefined if there is none. */
export async function oldestWholeDay(db: Knex): Promise<Date | undefined> {
  const { rows } = await db.raw(
    `select min(at) as oldest from (select (select min(at) from orchestrator_samples where node_id = n.id) as at
       from orchestrator_nodes n) as oldest`,
  )
  const oldest: Date | null = rows[0].oldest
  return oldest === null ? undefined : new Date(Math.floor(oldest.getTime() / day) * day)
}

/**
 * Recomputes the sums of whole days from samples and cycles. The samples of these days must be complete: after retention
 * has removed them, only the sums exist.
 */
export async function rebuildRollups(trx: Knex.Transaction, days: { from: Date; to: Date }): Promise<void> {
  // Locked, so that no cycle adds to the sums during the rebuild.
  await trx.raw('lock table orchestrator_node_hours, orchestrator_bridge_hours in share row exclusive mode')
  const range = [days.from, days.to]
  for (const grain of grains) {
    for (const what of ['node', 'bridge', 'network']) {
      await trx(`orchestrator_${what}_${grain}s`)
        .where(grain, '>=', days.from)
        .where(grain, '<', days.to)
        .delete()
    }
    await trx.raw(nodeSums(grain, 'at >= ? and at < ?'), range)
    await trx.raw(bridgeSums(grain, 'started_at >= ? and started_at < ?'), range)
    await trx.raw(networkSums(grain, 'started_at >= ? and started_at < ?'), range)
  }
}
