import { networks, stateName } from '../node/networks.ts'
import type { LastCycle, NodeState } from '../store/status.ts'

export interface StatusSource {
  nodes: NodeState[]
  cycle: LastCycle | undefined
  minOnline: number
  /** The time at which the status was built; shown before the first poll. */
  at: Date
  stallAfterMs: number
}

/** A warning about a node that answers. `network` is null if it concerns the node itself. */
interface Signal {
  kind: 'momentum_stalled' | 'height_stalled' | 'name_mismatch'
  network: string | null
  since: string | null
}

/** `GET /orchestrators/status`; the summary is the same without `orchestrators`. */
export function statusView(source: StatusSource) {
  const { nodes, cycle, minOnline } = source
  const online = nodes.filter((node) => node.confirmed === true).length
  const summary = {
    timestamp: (cycle?.finishedAt ?? source.at).toISOString(),
    bridge_status: online >= minOnline ? 'online' : 'offline',
    online_count: online,
    total_count: nodes.length,
    min_required: minOnline,
    signals: divergenceSignals(source),
  }
  return { summary, orchestrators: nodes.map((node) => nodeView(node, source)) }
}

function nodeView(node: NodeState, source: StatusSource) {
  return {
    node_id: node.id,
    node_name: node.name,
    ip_address: node.ipAddress,
    pillar_name: node.pillarName,
    producer_address: node.producerAddress,
    state: node.state,
    state_name: answered(node) ? (stateName(node.state) ?? 'Unknown') : null,
    is_online: node.confirmed === true,
    response_time_ms: node.responseMs,
    error_message: node.checkedAt === null ? 'No data collected yet' : node.error,
    network_stats: networks.flatMap((network) => {
      const reading = node.networks[network]
      if (reading === undefined || node.verdict === 'b') return []
      return [{ network, wraps_count: reading.wraps, unwraps_count: reading.unwraps }]
    }),
    last_checked: node.checkedAt?.toISOString() ?? null,
    // The latest sample alone; `is_online` changes only after confirmation.
    last_sample: node.verdict === null ? null : sampleNames[node.verdict],
    signals: nodeSignals(node, source),
  }
}

export const sampleNames: Readonly<Record<string, string>> = { g: 'good', b: 'bad', t: 'throttled' }

/** A sample with a response has a state, although it may be an unknown one. */
const answered = (node: NodeState) =>
  node.state !== null || (node.verdict !== 't' && node.responseMs !== null)

/** Warnings for heights that have not moved for too long, and for a node that reports another name. */
function nodeSignals(node: NodeState, { cycle, stallAfterMs }: StatusSource): Signal[] {
  if (node.checkedAt === null || cycle === undefined) return []
  const signals: Signal[] = []
  if (node.pillarName !== null && node.pillarName !== node.name)
    signals.push({ kind: 'name_mismatch', network: null, since: null })
  if (node.confirmed !== true) return signals
  const limit = cycle.startedAt.getTime() - stallAfterMs
  const stalled = (since: Date | null) => since !== null && since.getTime() <= limit
  if (node.momentum !== null && stalled(node.momentumAt))
    signals.push({ kind: 'momentum_stalled', network: null, since: node.momentumAt?.toISOString() ?? null })
  for (const network of networks) {
    const { height = null, heightAt = null } = node.networks[network] ?? {}
    if (height !== null && heightAt !== null && stalled(new Date(heightAt)))
      signals.push({ kind: 'height_stalled', network, since: heightAt })
  }
  return signals
}

/** Warnings for backlogs that differ between nodes for longer than their caches explain. */
function divergenceSignals({ cycle, stallAfterMs }: StatusSource) {
  if (cycle === undefined) return []
  const limit = cycle.startedAt.getTime() - stallAfterMs
  return Object.entries(cycle.diverged).flatMap(([key, since]) => {
    const [network = '', backlog = ''] = key.split(':')
    return Date.parse(since) <= limit ? [{ kind: 'backlog_diverged', network, backlog, since }] : []
  })
}
