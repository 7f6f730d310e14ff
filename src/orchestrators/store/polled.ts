import type { Knex } from 'knex'
import type { PolledNode } from './nodes.ts'

/** The active nodes of one part of a cycle, with their states. */
export async function polledNodes(db: Knex, part: { shard: number; shards: number }): Promise<PolledNode[]> {
  const { rows } = await db.raw(
    `select n.id, host(n.ip_address) as ip_address, n.rpc_port, n.pubkey, n.revision,
            s.confirmed, coalesce(s.good_streak, 0) as good_streak, coalesce(s.bad_streak, 0) as bad_streak,
            s.identity_id, s.identity_at, s.momentum, s.momentum_at, s.raw_digest,
            coalesce(s.networks, '{}') as networks,
            i.pillar_name, i.producer_address, i.pubkey as shown_pubkey
     from orchestrator_nodes n
     left join orchestrator_states s on s.node_id = n.id
     left join orchestrator_identities i on i.id = s.identity_id
     where n.is_active and n.id % ? = ?
     order by n.id`,
    [part.shards, part.shard],
  )
  return rows.map(toPolledNode)
}

function toPolledNode(row: PolledRow): PolledNode {
  return {
    id: row.id,
    ipAddress: row.ip_address,
    rpcPort: row.rpc_port,
    pubkey: row.pubkey,
    revision: row.revision,
    confirmation: { confirmed: row.confirmed, goodStreak: row.good_streak, badStreak: row.bad_streak },
    identity:
      row.identity_id === null
        ? null
        : {
            pillarName: row.pillar_name,
            producerAddress: row.producer_address,
            pubkey: row.shown_pubkey,
          },
    identityId: row.identity_id,
    identityAt: row.identity_at,
    momentum: row.momentum === null ? null : Number(row.momentum),
    momentumAt: row.momentum_at,
    networks: row.networks,
    rawDigest: row.raw_digest,
  }
}

interface PolledRow {
  id: number
  ip_address: string
  rpc_port: number
  pubkey: string | null
  revision: number
  confirmed: boolean | null
  good_streak: number
  bad_streak: number
  identity_id: number | null
  identity_at: Date | null
  momentum: string | null
  momentum_at: Date | null
  raw_digest: Buffer | null
  networks: PolledNode['networks']
  pillar_name: string | null
  producer_address: string | null
  shown_pubkey: string | null
}
