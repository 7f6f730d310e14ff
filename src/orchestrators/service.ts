import type { Knex } from 'knex'
import { conflict, notFound } from '../platform/errors.ts'
import { appendEvents } from '../platform/events/index.ts'
import { statusStream } from './status/stream.ts'
import {
  findNode,
  forgetState,
  insertNode,
  lockNode,
  type NodeFields,
  type OrchestratorNode,
  takenBy,
  updateNode,
} from './store/nodes.ts'

const nodeNotFound = () => notFound('Orchestrator node')

/** @throws SYS_005 */
export async function getNode(db: Knex, id: number): Promise<OrchestratorNode> {
  const node = await findNode(db, id)
  if (node === undefined) throw nodeNotFound()
  return node
}

/** @throws STATE_001 if another node has the name or the address */
export async function addNode(trx: Knex.Transaction, fields: NodeFields): Promise<OrchestratorNode> {
  const node = await insertNode(trx, fields).catch(refuseTaken)
  await tellOfNodes(trx)
  return node
}

/** Changes the given fields only. @throws SYS_005, STATE_001 */
export async function changeNode(
  trx: Knex.Transaction,
  id: number,
  changes: Partial<NodeFields>,
): Promise<OrchestratorNode> {
  const node = await lockNode(trx, id)
  if (node === undefined) throw nodeNotFound()
  if (await applyChanges(trx, node, changes)) await tellOfNodes(trx)
  return getNode(trx, id)
}

/** @returns true if anything changed. @throws STATE_001 */
export async function applyChanges(
  trx: Knex.Transaction,
  node: OrchestratorNode,
  changes: Partial<NodeFields>,
): Promise<boolean> {
  const { name, ipAddress, pubkey, rpcPort, isActive } = node
  const before = { name, ipAddress, pubkey, rpcPort, isActive }
  const after = { ...before, ...changes }
  const changed = (Object.keys(before) as (keyof NodeFields)[]).filter((key) => before[key] !== after[key])
  if (changed.length === 0) return false
  await updateNode(trx, node.id, after).catch(refuseTaken)
  // The address or key changed, or the node was reactivated: earlier observations do not apply to it.
  if (changed.some((key) => key !== 'name')) await forgetState(trx, node.id)
  return true
}

/** Notifies every web process; the last statement of a transaction, like all events. */
export function tellOfNodes(trx: Knex.Transaction): Promise<void> {
  return appendEvents(trx, [{ stream: statusStream, type: 'nodes_changed', data: {} }])
}

function refuseTaken(error: unknown): never {
  const taken = takenBy(error)
  if (taken === undefined) throw error
  throw conflict(
    taken === 'name'
      ? 'A node of this name exists already'
      : 'An active node with this address and port exists already',
    { field: taken === 'name' ? 'name' : 'ip_address' },
  )
}
