import type { Knex } from 'knex'
import { networks } from '../node/networks.ts'
import { cut, type Span } from '../statistics/pieces.ts'
import { backlogColumns } from './samples.ts'
import { within } from './spans.ts'

export interface Snapshot {
  cycleId: number
  at: Date
  verdict: string
  confirmed: boolean | null
  state: number | null
  responseMs: number | null
  error: string | null
  pillarName: string | null
  producerAddress: string | null
  networks: { network: string; wraps: number; unwraps: number }[]
}

/** The part of a period for which a node has samples, which bounds the query. */
export async function sampledPeriod(db: Knex, nodeId: number, period: Partial<Span>): Promise<Span> {
  const { rows } = await db.raw(
    `select (select at from orchestrator_samples where node_id = :nodeId order by at limit 1) as oldest,
       (select max(day) + interval '1 day' from orchestrator_node_days where node_id = :nodeId) as newest`,
    { nodeId },
  )
  const { oldest, newest }: Record<'oldest' | 'newest', Date | null> = rows[0]
  if (oldest === null || newest === null) return { from: 0, to: 0 }
  return {
    from: Math.max(oldest.getTime(), period.from ?? 0),
    to: Math.min(newest.getTime(), period.to ?? Number.POSITIVE_INFINITY),
  }
}

/** The newest `count` samples before `to`. */
interface Stretch {
  to: Date
  samples: number
}

/**
 * The numbers of samples by day, hour or edge, newest first: they give the total without counting rows, and the start of
 * a far page without reading the pages before it.
 */
export async function countSamples(
  db: Knex,
  nodeId: number,
  period: Span,
): Promise<{ total: number; stretches: Stretch[] }> {
  if (period.from >= period.to) return { total: 0, stretches: [] }
  const { days, hours, rest } = cut([period])
  const rolled = (grain: string, spans: Span[]) => {
    const { sql, bindings } = within(grain, spans)
    return {
      sql: `select ${grain} + interval '1 ${grain}' as hi, samples from orchestrator_node_${grain}s
        where node_id = ? and ${sql}`,
      bindings: [nodeId, ...bindings],
    }
  }
  const edges = rest.map((span) => {
    const { sql, bindings } = within('at', [span])
    return {
      sql: `select ?::timestamptz, (select count(*)::int from orchestrator_samples where node_id = ? and ${sql})`,
      bindings: [new Date(span.to), nodeId, ...bindings],
    }
  })
  const parts = [rolled('day', days), rolled('hour', hours), ...edges]
  const { rows } = await db.raw(
    `select hi, samples from (${parts.map(({ sql }) => sql).join(' union all ')}) as stretches order by hi desc`,
    parts.flatMap(({ bindings }) => bindings),
  )
  const stretches = rows.map((row: { hi: Date; samples: number }) => ({ to: row.hi, samples: row.samples }))
  return { total: stretches.reduce((sum: number, each: Stretch) => sum + each.samples, 0), stretches }
}

/** The start of a page: the samples before this time, minus a number of rows. */
export function startOf(stretches: Stretch[], offset: number): { before: Date; skip: number } | undefined {
  let skip = offset
  for (const each of stretches) {
    if (skip < each.samples) return { before: each.to, skip }
    skip -= each.samples
  }
  return undefined
}

/** Newest first. */
export async function readSamples(
  db: Knex,
  nodeId: number,
  page: { from: Date; before: Date; skip: number; limit: number },
): Promise<Snapshot[]> {
  const { rows } = await db.raw(
    `select s.*, i.pillar_name, i.producer_address from (
       select at, cycle_id, verdict, confirmed, state, response_ms, error_message, identity_id,
         ${backlogColumns.join(', ')}
       from orchestrator_samples where node_id = ? and at >= ? and at < ?
       order by at desc offset ? limit ?) as s
     left join orchestrator_identities i on i.id = s.identity_id order by s.at desc`,
    [nodeId, page.from, page.before, page.skip, page.limit],
  )
  return rows.map(toSnapshot)
}

function toSnapshot(row: SampleRow): Snapshot {
  return {
    cycleId: Number(row.cycle_id),
    at: row.at,
    verdict: row.verdict,
    confirmed: row.confirmed,
    state: row.state,
    responseMs: row.response_ms,
    error: row.error_message,
    pillarName: row.pillar_name,
    producerAddress: row.producer_address,
    networks: networks.flatMap((network) => {
      const [wraps, unwraps] = [row[`${network}_wraps`], row[`${network}_unwraps`]]
      return wraps == null || unwraps == null
        ? []
        : [{ network, wraps: Number(wraps), unwraps: Number(unwraps) }]
    }),
  }
}

type SampleRow = {
  cycle_id: string
  at: Date
  verdict: string
  confirmed: boolean | null
  state: number | null
  response_ms: number | null
  error_message: string | null
  pillar_name: string | null
  producer_address: string | null
} & { [backlog: `${string}wraps`]: string | null }
