import type { Knex } from 'knex'
import type { NodeIdentity } from '../node/answers.ts'
import { networks } from '../node/networks.ts'
import type { Confirmation, Verdict } from '../polling/confirm.ts'
import type { Cycle } from './cycles.ts'
import type { KnownNetworks } from './nodes.ts'
import { addNodeRollups } from './rollups.ts'

/** One node's rows of a cycle. */
export interface Learnt extends Confirmation {
  nodeId: number
  /** The version of the node's row at the request: if the row has changed since, the answer is discarded. */
  revision: number
  verdict: Verdict
  state: number | null
  responseMs: number | null
  error: string | null
  sampleMomentum: number | null
  momentum: number | null
  momentumAt: Date | null
  /** Wraps and unwraps of each network, in the order of `networks`. */
  backlog: (number | null)[]
  networks: KnownNetworks
  identity: NodeIdentity | null
  identityId: number | null
  identityAt: Date | null
  raw: { digest: string; identity: string | null; status: string } | null
}

export const backlogColumns = networks.flatMap((name) => [`${name}_wraps`, `${name}_unwraps`])

/** Writes the observations of a part: identities, samples with their rollups, states, and changed answers. */
export async function writeLearnt(trx: Knex.Transaction, cycle: Cycle, learnt: Learnt[]): Promise<void> {
  const current = await stillCurrent(trx, cycle, learnt)
  if (current.length === 0) return
  const ids = await writeIdentities(trx, current)
  const identityOf = (each: Learnt) => ids.get(each.nodeId) ?? each.identityId
  await trx.raw(
    `insert into orchestrator_samples (at, cycle_id, seconds, momentum, node_id, identity_id, response_ms,
       ${backlogColumns.join(', ')}, state, verdict, confirmed, error_message)
     select ?, ?, ?, momentum, node_id, identity_id, response_ms,
       ${backlogColumns.map((_, index) => `(backlog ->> ${index})::bigint`).join(', ')},
       state, verdict, confirmed, error_message
     from json_to_recordset(?) as t (node_id int, momentum bigint, identity_id int, response_ms int, backlog json,
       state smallint, verdict "char", confirmed boolean, error_message text)`,
    [
      ...[cycle.startedAt, cycle.id, cycle.seconds],
      JSON.stringify(
        current.map((each) => ({
          node_id: each.nodeId,
          momentum: each.sampleMomentum,
          identity_id: identityOf(each),
          response_ms: each.responseMs,
          backlog: each.backlog,
          state: each.state,
          verdict: each.verdict,
          confirmed: each.confirmed,
          error_message: each.error,
        })),
      ),
    ],
  )
  await addNodeRollups(trx, { at: cycle.startedAt, nodeIds: current.map((each) => each.nodeId) })
  await writeStates(trx, cycle, { learnt: current, identityOf })
  await writeRaw(trx, cycle, current)
}

/**
 * Locks the nodes, without those that were changed or deactivated during the poll. Creates the partition of the samples
 * if it is missing.
 */
async function stillCurrent(trx: Knex.Transaction, cycle: Cycle, learnt: Learnt[]): Promise<Learnt[]> {
  const { rows }: { rows: { id: number; revision: number }[] } = await trx.raw(
    `select n.id, n.revision from (select orchestrator_samples_partition(?) as made offset 0) p
     cross join orchestrator_nodes n where n.id = any(?) and n.is_active and p.made is not null
     order by n.id for share of n`,
    [cycle.startedAt, learnt.map((each) => each.nodeId)],
  )
  const revisions = new Map(rows.map((row) => [row.id, row.revision]))
  return learnt.filter((each) => revisions.get(each.nodeId) === each.revision)
}

/** @returns the ids of the identities that this cycle requested, by node */
async function writeIdentities(trx: Knex.Transaction, learnt: Learnt[]): Promise<Map<number, number>> {
  const shown = learnt.flatMap(({ nodeId, identity }) =>
    identity === null
      ? []
      : [
          {
            node_id: nodeId,
            pillar_name: identity.pillarName,
            producer_address: identity.producerAddress,
            pubkey: identity.pubkey,
          },
        ],
  )
  if (shown.length === 0) return new Map()
  const rows = await trx('orchestrator_identities')
    .insert(shown)
    .onConflict(['node_id', 'pillar_name', 'producer_address', 'pubkey'])
    .merge(['node_id'])
    .returning(['id', 'node_id'])
  return new Map(rows.map((row) => [row.node_id, row.id]))
}

async function writeStates(
  trx: Knex.Transaction,
  cycle: Cycle,
  { learnt, identityOf }: { learnt: Learnt[]; identityOf(each: Learnt): number | null },
): Promise<void> {
  const rows = learnt.map((each) => ({
    node_id: each.nodeId,
    confirmed: each.confirmed,
    good_streak: each.goodStreak,
    bad_streak: each.badStreak,
    cycle_id: cycle.id,
    checked_at: cycle.startedAt,
    verdict: each.verdict,
    state: each.state,
    response_ms: each.responseMs,
    error_message: each.error,
    identity_id: identityOf(each),
    identity_at: each.identityAt,
    momentum: each.momentum,
    momentum_at: each.momentumAt,
    networks: each.networks,
    raw_digest: each.raw === null ? null : `\\x${each.raw.digest}`,
  }))
  const columns = Object.keys(rows[0] ?? {}).filter((name) => name !== 'node_id' && name !== 'raw_digest')
  await trx.raw(
    `insert into orchestrator_states as s select r.* from json_populate_recordset(null::orchestrator_states, ?) r
     on conflict (node_id) do update set ${columns.map((name) => `${name} = excluded.${name}`).join(', ')},
       raw_digest = coalesce(excluded.raw_digest, s.raw_digest)`,
    [JSON.stringify(rows)],
  )
}

async function writeRaw(trx: Knex.Transaction, cycle: Cycle, learnt: Learnt[]): Promise<void> {
  const rows = learnt.flatMap(({ nodeId, raw }) =>
    raw === null
      ? []
      : [{ node_id: nodeId, at: cycle.startedAt, identity: raw.identity, status: raw.status }],
  )
  if (rows.length > 0) await trx('orchestrator_raw_answers').insert(rows)
}
