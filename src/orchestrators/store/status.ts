import type { Knex } from 'knex'
import type { Divergence } from '../polling/signals.ts'
import type { KnownNetworks } from './nodes.ts'

/** The latest complete cycle. */
export interface LastCycle {
  startedAt: Date
  finishedAt: Date
  seconds: number
  bridgeStatus: 'online' | 'offline' | null
  diverged: Divergence
}

/** An active node and its state; null fields for a node that was never polled. */
export interface NodeState {
  id: number
  name: string
  ipAddress: string
  pubkey: string | null
  confirmed: boolean | null
  verdict: string | null
  state: number | null
  responseMs: number | null
  error: string | null
  checkedAt: Date | null
  momentum: number | null
  momentumAt: Date | null
  networks: KnownNetworks
  pillarName: string | null
  producerAddress: string | null
}

export async function lastCycle(db: Knex): Promise<LastCycle | undefined> {
  const row = await db('orchestrator_cycles')
    .where({ state: 'complete' })
    // Cycle numbers increase with time, whatever the clock showed.
    .orderBy('id', 'desc')
    .first('started_at', 'finished_at', 'seconds', 'bridge_status', 'diverged')
  if (row === undefined) return undefined
  return {
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    seconds: row.seconds,
    bridgeStatus: row.bridge_status,
    diverged: row.diverged ?? {},
  }
}

export async function nodeStates(db: Knex): Promise<NodeState[]> {
  const { rows } = await db.raw(
    `select n.id, n.name, host(n.ip_address) as ip_address, n.pubkey, s.confirmed, s.verdict, s.state,
            s.response_ms, s.error_message, s.checked_at, s.momentum, s.momentum_at, s.networks,
            i.pillar_name, i.producer_address
     from orchestrator_nodes n
     left join orchestrator_states s on s.node_id = n.id
     left join orchestrator_identities i on i.id = s.identity_id
     where n.is_active order by n.name`,
  )
  return rows.map((row: StateRow) => ({
    id: row.id,
    name: row.name,
    ipAddress: row.ip_address,
    pubkey: row.pubkey,
    confirmed: row.confirmed,
    verdict: row.verdict,
    state: row.state,
    responseMs: row.response_ms,
    error: row.error_message,
    checkedAt: row.checked_at,
    momentum: row.momentum === null ? null : Number(row.momentum),
    momentumAt: row.momentum_at,
    networks: row.networks ?? {},
    pillarName: row.pillar_name,
    producerAddress: row.producer_address,
  }))
}

interface StateRow {
  id: number
  name: string
  ip_address: string
  pubkey: string | null
  confirmed: boolean | null
  verdict: string | null
  state: number | null
  response_ms: number | null
  error_message: string | null
  checked_at: Date | null
  momentum: string | null
  momentum_at: Date | null
  networks: KnownNetworks | null
  pillar_name: string | null
  producer_address: string | null
}
