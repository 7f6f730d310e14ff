import type { Knex } from 'knex'
import { type Network, networks } from '../node/networks.ts'
import type { Pieces, Span } from '../statistics/pieces.ts'
import { type Condition, within } from './spans.ts'

const measuredCycles = `c.state = 'complete' and c.bridge_status is not null`

/** The result columns of cycles and of their sums. */
function conditionsOf(pieces: Pieces) {
  const days = within('day', pieces.days)
  const hours = within('hour', pieces.hours)
  const rest = within('c.started_at', pieces.rest)
  return { days, hours, rest, bindings: [days, hours, rest].flatMap(({ bindings }) => bindings) }
}

export interface NodeSums {
  samples: number
  online: number
  measuredSeconds: number
  onlineSeconds: number
}

/** The sums of each node over all pieces; a node without a sample is absent. */
export async function sumNodes(db: Knex, nodeIds: number[], pieces: Pieces): Promise<Map<number, NodeSums>> {
  const days = within('day', pieces.days)
  const hours = within('hour', pieces.hours)
  const rest = within('at', pieces.rest)
  const rolled = (grain: string, inside: Condition) => `
    select node_id, measured, online, measured_seconds, online_seconds
    from orchestrator_node_${grain}s where node_id = any(?) and ${inside.sql}`
  const { rows } = await db.raw(
    `select node_id, sum(measured) as samples, sum(online) as online,
       sum(measured_seconds) as measured_seconds, sum(online_seconds) as online_seconds
     from (${rolled('day', days)} union all ${rolled('hour', hours)} union all
       select node_id, 1, confirmed::int, seconds, case when confirmed then seconds else 0 end
       from orchestrator_samples where node_id = any(?) and ${rest.sql} and verdict <> 't') as pieces
     group by node_id`,
    [days, hours, rest].flatMap(({ bindings }) => [nodeIds, ...bindings]),
  )
  return new Map(
    rows.map((row: Record<string, string>) => [
      Number(row.node_id),
      {
        samples: Number(row.samples),
        online: Number(row.online),
        measuredSeconds: Number(row.measured_seconds),
        onlineSeconds: Number(row.online_seconds),
      },
    ]),
  )
}

export async function sumBridge(
  db: Knex,
  pieces: Pieces,
): Promise<{ measuredSeconds: number; onlineSeconds: number }> {
  const { days, hours, rest, bindings } = conditionsOf(pieces)
  const rolled = (grain: string, inside: Condition) =>
    `select is_online, seconds from orchestrator_bridge_${grain}s where ${inside.sql}`
  const { rows } = await db.raw(
    `select coalesce(sum(seconds), 0) as measured, coalesce(sum(seconds) filter (where is_online), 0) as online
     from (${rolled('day', days)} union all ${rolled('hour', hours)} union all
       select c.bridge_status = 'online', c.seconds from orchestrator_cycles c
       where ${rest.sql} and ${measuredCycles}) as pieces`,
    bindings,
  )
  return { measuredSeconds: Number(rows[0].measured), onlineSeconds: Number(rows[0].online) }
}

/** The number of cycles of a bucket that had this result. */
export interface BucketCount {
  bucket: number
  onlineCount: number
  totalCount: number
  isOnline: boolean
  cycles: number
}

/** The numbers of cycles by bucket and result; from the hourly sums if all buckets are whole hours. */
export async function countCycles(
  db: Knex,
  period: Span,
  input: { bucketMs: number; byHour: boolean },
): Promise<BucketCount[]> {
  const at = input.byHour ? 't.hour' : 't.started_at'
  const source = input.byHour
    ? 'orchestrator_bridge_hours t'
    : `(select c.*, bridge_status = 'online' as is_online, 1 as cycles from orchestrator_cycles c
        where ${measuredCycles}) t`
  const from = new Date(period.from)
  const { rows } = await db.raw(
    `select floor(extract(epoch from ${at} - ?) * 1000 / ?)::int as bucket, online_count, total_count, is_online,
       sum(cycles)::int as cycles
     from ${source} where ${at} >= ? and ${at} < ? group by 1, 2, 3, 4 order by 1, 2`,
    [from, input.bucketMs, from, new Date(period.to)],
  )
  return rows.map((row: Record<string, number> & { is_online: boolean }) => ({
    bucket: row.bucket,
    onlineCount: row.online_count,
    totalCount: row.total_count,
    isOnline: row.is_online,
    cycles: row.cycles,
  }))
}

const backlogs = ['wraps', 'unwraps'] as const
type Backlog = (typeof backlogs)[number]

export interface BacklogSums {
  sum: number
  max: number
  aboveSeconds: number
}
export type NetworkSums = { cycles: number } & Record<Backlog, BacklogSums>

export async function sumNetworks(db: Knex, pieces: Pieces): Promise<Map<Network, NetworkSums>> {
  const columns = `cycles, wraps_sum, wraps_max, wraps_above_seconds, unwraps_sum, unwraps_max, unwraps_above_seconds`
  const { days, hours, rest, bindings } = conditionsOf(pieces)
  const rolled = (grain: string, inside: Condition) =>
    `select network, ${columns} from orchestrator_network_${grain}s where ${inside.sql}`
  const one = (name: string) => `${name}, ${name}, case when ${name} > 0 then seconds else 0 end`
  const { rows } = await db.raw(
    `select network, sum(cycles) as cycles, ${backlogs
      .map(
        (each) => `sum(${each}_sum) as ${each}_sum, max(${each}_max) as ${each}_max,
          sum(${each}_above_seconds) as ${each}_above_seconds`,
      )
      .join(', ')}
     from (${rolled('day', days)} union all ${rolled('hour', hours)} union all
       select network, 1, ${one('w')}, ${one('u')} from (
         select v.key as network, c.seconds, (v.value ->> 'wraps')::bigint as w,
           (v.value ->> 'unwraps')::bigint as u
         from orchestrator_cycles c, jsonb_each(c.networks) v
         where ${rest.sql} and ${measuredCycles}) as single
     ) as pieces group by network`,
    bindings,
  )
  const backlog = (row: Record<string, string>, kind: Backlog): BacklogSums => ({
    sum: Number(row[`${kind}_sum`]),
    max: Number(row[`${kind}_max`]),
    aboveSeconds: Number(row[`${kind}_above_seconds`]),
  })
  return new Map(
    rows.map((row: Record<string, string>) => [
      networks.find((name) => name === row.network) ?? networks[0],
      { cycles: Number(row.cycles), wraps: backlog(row, 'wraps'), unwraps: backlog(row, 'unwraps') },
    ]),
  )
}

/** The backlogs of the latest measured cycle of a period. */
export async function latestBacklogs(
  db: Knex,
  period: Span,
): Promise<Partial<Record<Network, Record<Backlog, number>>>> {
  const row = await db('orchestrator_cycles as c')
    .whereRaw(measuredCycles)
    .where('started_at', '>=', new Date(period.from))
    .where('started_at', '<', new Date(period.to))
    .orderBy('c.id', 'desc')
    .first('networks')
  return row?.networks ?? {}
}
