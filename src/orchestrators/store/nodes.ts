import type { Knex } from 'knex'
import { isUniqueViolation } from '../../platform/postgres/db.ts'
import type { NodeIdentity } from '../node/answers.ts'
import type { Confirmation } from '../polling/confirm.ts'

export interface OrchestratorNode {
  id: number
  name: string
  ipAddress: string
  pubkey: string | null
  rpcPort: number
  isActive: boolean
  createdAt: Date
}

/** A node's configured fields. */
export interface NodeFields {
  name: string
  ipAddress: string
  pubkey: string | null
  rpcPort: number
  isActive: boolean
}

/** A node as a cycle needs it: its address and its state. */
export interface PolledNode extends Pick<OrchestratorNode, 'id' | 'ipAddress' | 'rpcPort' | 'pubkey'> {
  revision: number
  confirmation: Confirmation
  identity: NodeIdentity | null
  identityId: number | null
  identityAt: Date | null
  momentum: number | null
  momentumAt: Date | null
  networks: KnownNetworks
  rawDigest: Buffer | null
}

/** By network; `heightAt` is when the height was first seen. */
export type KnownNetworks = Record<
  string,
  {
    wraps: number
    unwraps: number
    wrapsHash: string | null
    unwrapsHash: string | null
    height: number | null
    heightAt: string | null
  }
>

interface NodeRow {
  id: number
  name: string
  ip_address: string
  pubkey: string | null
  rpc_port: number
  is_active: boolean
  created_at: Date
}

const nodeColumns = ['id', 'name', 'pubkey', 'rpc_port', 'is_active', 'created_at'] as const

function toNode(row: NodeRow): OrchestratorNode {
  return {
    id: row.id,
    name: row.name,
    ipAddress: row.ip_address,
    pubkey: row.pubkey,
    rpcPort: row.rpc_port,
    isActive: row.is_active,
    createdAt: row.created_at,
  }
}

const nodes = (db: Knex) =>
  db('orchestrator_nodes as n').select(
    ...nodeColumns.map((column) => `n.${column}`),
    db.raw('host(n.ip_address) as ip_address'),
  )

export async function listNodes(db: Knex, filter: { activeOnly: boolean }): Promise<OrchestratorNode[]> {
  const query = nodes(db).orderBy('name')
  if (filter.activeOnly) query.where({ is_active: true })
  return (await query).map(toNode)
}

export async function findNode(db: Knex, id: number): Promise<OrchestratorNode | undefined> {
  const row = await nodes(db).where({ id }).first()
  return row === undefined ? undefined : toNode(row)
}

/** The row, locked until the transaction ends. */
export async function lockNode(trx: Knex.Transaction, id: number): Promise<OrchestratorNode | undefined> {
  const row = await nodes(trx).where({ id }).forUpdate().first()
  return row === undefined ? undefined : toNode(row)
}

/** All nodes, locked against changes until the transaction ends. */
export async function lockAllNodes(trx: Knex.Transaction): Promise<OrchestratorNode[]> {
  await trx.raw('lock table orchestrator_nodes in share row exclusive mode')
  return (await nodes(trx).orderBy('id')).map(toNode)
}

export async function insertNode(trx: Knex.Transaction, fields: NodeFields): Promise<OrchestratorNode> {
  const [row] = await trx('orchestrator_nodes')
    .insert(toColumns(fields))
    .returning([...nodeColumns, trx.raw('host(ip_address) as ip_address') as unknown as 'id'])
  return toNode(row)
}

export async function updateNode(trx: Knex.Transaction, id: number, fields: NodeFields): Promise<void> {
  await trx('orchestrator_nodes')
    .where({ id })
    .update({ ...toColumns(fields), revision: trx.raw('revision + 1'), updated_at: trx.fn.now() })
}

const toColumns = (fields: NodeFields) => ({
  name: fields.name,
  ip_address: fields.ipAddress,
  pubkey: fields.pubkey,
  rpc_port: fields.rpcPort,
  is_active: fields.isActive,
})

/** The unique field that an insert or update violated; undefined for other errors. */
export function takenBy(error: unknown): 'name' | 'address' | undefined {
  if (isUniqueViolation(error, 'orchestrator_nodes_name')) return 'name'
  return isUniqueViolation(error, 'orchestrator_nodes_address') ? 'address' : undefined
}

/** Resets a node's state: it is polled anew, and its first sample counts at once. */
export async function forgetState(trx: Knex.Transaction, nodeId: number): Promise<void> {
  await trx('orchestrator_states').where({ node_id: nodeId }).delete()
}

export async function countActiveNodes(db: Knex): Promise<number> {
  const row = await db('orchestrator_nodes').where({ is_active: true }).count('* as count').first()
  return Number(row?.count)
}
