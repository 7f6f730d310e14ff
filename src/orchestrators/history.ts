import type { Knex } from 'knex'
import { encodeCursor, readCursor } from '../platform/http/index.ts'
import { parseInstant } from '../platform/instant.ts'
import { stateName } from './node/networks.ts'
import { getNode } from './service.ts'
import type { Span } from './statistics/pieces.ts'
import { sampleNames } from './status/view.ts'
import { countSamples, readSamples, type Snapshot, sampledPeriod, startOf } from './store/history.ts'

export interface HistoryQuery {
  page: number
  page_size: number
  cursor?: string | undefined
  start_time?: Date | undefined
  end_time?: Date | undefined
}

/** A page of a node's samples, newest first. The period includes both ends. @throws SYS_005 */
export async function nodeHistory(db: Knex, nodeId: number, query: HistoryQuery) {
  const { page, page_size: size, start_time: start, end_time: end } = query
  const after = readCursor(query.cursor, parseInstant, 422)
  const [node, period] = await Promise.all([
    getNode(db, nodeId),
    sampledPeriod(db, nodeId, {
      ...(start && { from: start.getTime() }),
      ...(end && { to: end.getTime() + 1 }),
    }),
  ])
  const counting = countSamples(db, nodeId, period)
  // The start of the first page, and of a cursor's page, is known without counting.
  const first = after !== undefined || page === 1
  const begin = first
    ? { before: after ?? new Date(period.to), skip: 0 }
    : startOf((await counting).stretches, (page - 1) * size)
  const [{ total }, rows] = await Promise.all([
    counting,
    readPage(db, nodeId, { period, begin, limit: size + 1 }),
  ])
  const snapshots = rows.slice(0, size)
  const last = rows.length > size ? snapshots.at(-1) : undefined
  return {
    node,
    snapshots,
    total,
    nextCursor: last === undefined ? null : encodeCursor(last.at.toISOString()),
  }
}

async function readPage(
  db: Knex,
  nodeId: number,
  input: { period: Span; begin: { before: Date; skip: number } | undefined; limit: number },
): Promise<Snapshot[]> {
  const { period, begin, limit } = input
  if (begin === undefined || period.from >= period.to) return []
  const before = new Date(Math.min(begin.before.getTime(), period.to))
  return readSamples(db, nodeId, { from: new Date(period.from), before, skip: begin.skip, limit })
}

/** Unique over all nodes: a node has one sample per cycle. */
const snapshotId = (nodeId: number, cycleId: number) => cycleId * 1_000_000 + nodeId

export function snapshotView(nodeId: number, sample: Snapshot) {
  return {
    id: snapshotId(nodeId, sample.cycleId),
    timestamp: sample.at.toISOString(),
    pillar_name: sample.pillarName,
    producer_address: sample.producerAddress,
    state: sample.state,
    state_name:
      sample.verdict !== 't' && sample.responseMs !== null ? (stateName(sample.state) ?? 'Unknown') : null,
    // The state of this sample alone; a throttled one has only the state that was confirmed before.
    is_online: sample.verdict === 't' ? sample.confirmed === true : sample.verdict === 'g',
    confirmed_online: sample.confirmed,
    sample: sampleNames[sample.verdict] ?? null,
    response_time_ms: sample.responseMs,
    error_message: sample.error,
    network_stats: sample.networks.map(({ network, wraps, unwraps }) => ({
      network,
      wraps_count: wraps,
      unwraps_count: unwraps,
    })),
  }
}
