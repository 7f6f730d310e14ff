import type { Knex } from 'knex'
import { listNodes } from '../store/nodes.ts'
import { type NodeSums, sumBridge, sumNodes } from '../store/statistics.ts'
import { type MaintenanceWindow, windowsIn } from '../store/windows.ts'
import { cut, lengthOf, type Span, without } from './pieces.ts'
import { iso, percentage, ratio } from './rounding.ts'

/**
 * uptime = online time / measured time, both without maintenance. A cycle represents one poll interval. Time without a
 * cycle, or in which a node gave no sample, was not measured; `measured_ratio` is the measured share.
 */
export async function uptimeStatistics(db: Knex, period: Span) {
  const [nodes, windows] = await Promise.all([
    listNodes(db, { activeOnly: true }),
    windowsIn(db, { from: new Date(period.from), to: new Date(period.to) }),
  ])
  const counted = without(period, spansOf(windows, null))
  const [bridge, sums] = await Promise.all([
    sumBridge(db, cut(counted)),
    sumAll(
      db,
      nodes.map((node) => ({ id: node.id, counted: without(period, spansOf(windows, node.id)) })),
    ),
  ])
  const bounds = { period_start: iso(period.from), period_end: iso(period.to) }
  return {
    ...bounds,
    bridge_uptime_percentage: percentage(bridge.onlineSeconds, bridge.measuredSeconds),
    measured_ratio: ratio(bridge.measuredSeconds * 1000, lengthOf(counted), 6),
    node_uptimes: nodes.map((node) => {
      const found = sums.get(node.id)
      return {
        node_id: node.id,
        node_name: node.name,
        ...bounds,
        total_snapshots: found?.samples ?? 0,
        online_snapshots: found?.online ?? 0,
        uptime_percentage: percentage(found?.onlineSeconds ?? 0, found?.measuredSeconds ?? 0),
        measured_ratio: ratio((found?.measuredSeconds ?? 0) * 1000, found?.countedMs ?? 0, 6),
      }
    }),
  }
}

interface Counted {
  id: number
  counted: Span[]
}

const nothing: NodeSums = { samples: 0, online: 0, measuredSeconds: 0, onlineSeconds: 0 }

/** Nodes with the same maintenance windows are summed in one query: usually all nodes. */
async function sumAll(db: Knex, nodes: Counted[]): Promise<Map<number, NodeSums & { countedMs: number }>> {
  const groups = Map.groupBy(nodes, (node) => JSON.stringify(node.counted))
  const all = new Map<number, NodeSums & { countedMs: number }>()
  for (const group of groups.values()) {
    const counted = group[0]?.counted ?? []
    const sums = await sumNodes(
      db,
      group.map((node) => node.id),
      cut(counted),
    )
    for (const { id } of group) all.set(id, { ...(sums.get(id) ?? nothing), countedMs: lengthOf(counted) })
  }
  return all
}

/** The windows of all nodes, and those of the given node. */
function spansOf(windows: MaintenanceWindow[], nodeId: number | null): Span[] {
  return windows
    .filter(({ nodeIds }) => nodeIds === null || (nodeId !== null && nodeIds.includes(nodeId)))
    .map(({ from, to }) => ({ from: from.getTime(), to: to.getTime() }))
}
