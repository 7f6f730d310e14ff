import type { Knex } from 'knex'
import { addNode, applyChanges, tellOfNodes } from '../service.ts'
import { lockAllNodes, type NodeFields, type OrchestratorNode } from '../store/nodes.ts'
import type { Found, NodeEntry, Rejected } from './entries.ts'

/** The result of an import, or of a dry run. */
export interface ImportReport {
  created: string[]
  updated: { name: string; changes: string[] }[]
  unchanged: string[]
  rejected: Rejected[]
}

/** Thrown to roll a dry run's transaction back. */
class DryRun extends Error {}

/**
 * Adds or updates nodes, each matched by its name, then by its address, in one transaction. An inactive node is
 * activated: a node that is listed is to be monitored.
 */
export async function importNodes(
  db: Knex,
  found: Found,
  options: { defaultPort: number; dryRun: boolean },
): Promise<ImportReport> {
  const report: ImportReport = { created: [], updated: [], unchanged: [], rejected: [...found.rejected] }
  const work = async (trx: Knex.Transaction) => {
    const nodes = await lockAllNodes(trx)
    const taken = new Set<number>()
    for (const entry of found.entries) {
      await importOne(trx, entry, { nodes, taken, report, defaultPort: options.defaultPort })
    }
    if (options.dryRun) throw new DryRun()
    if (report.updated.length > 0) await tellOfNodes(trx)
  }
  await db.transaction(work).catch((error: unknown) => {
    if (!(error instanceof DryRun)) throw error
  })
  return report
}

interface State {
  /** The nodes with the changes made so far. */
  nodes: OrchestratorNode[]
  /** Ids of the nodes that an earlier entry matched. */
  taken: Set<number>
  report: ImportReport
  defaultPort: number
}

async function importOne(trx: Knex.Transaction, entry: NodeEntry, state: State): Promise<void> {
  const { nodes, taken, report } = state
  const reject = (reason: string) => {
    report.rejected.push({ where: entry.where, name: entry.name, reason })
  }
  const target = findTarget(entry, state)
  if (target !== undefined && taken.has(target.id)) return reject('the node was named before')
  const fields = fieldsOf(entry, target, state.defaultPort)
  const others = nodes.filter((node) => node.id !== target?.id)
  const sameName = others.find((node) => node.name === fields.name)
  if (sameName !== undefined) return reject('the name belongs to another node')
  const sameAddress = others.find((node) => node.isActive && isAt(node, fields))
  if (sameAddress !== undefined) return reject(`the address belongs to the node ${sameAddress.name}`)
  if (target === undefined) {
    const node = await addNode(trx, fields)
    nodes.push(node)
    taken.add(node.id)
    report.created.push(node.name)
    return
  }
  taken.add(target.id)
  const before: NodeFields = target
  const changes = (Object.keys(fields) as (keyof NodeFields)[]).filter((key) => before[key] !== fields[key])
  if (changes.length === 0) {
    report.unchanged.push(target.name)
    return
  }
  await applyChanges(trx, target, fields)
  report.updated.push({ name: fields.name, changes: changes.map((key) => wireNames[key]) })
  Object.assign(target, fields)
}

const wireNames: Record<keyof NodeFields, string> = {
  name: 'name',
  ipAddress: 'ip_address',
  pubkey: 'pubkey',
  rpcPort: 'rpc_port',
  isActive: 'is_active',
}

/** Matches any node of the address if the entry has no port, preferably the one at the default port. */
function findTarget(entry: NodeEntry, { nodes, defaultPort }: State): OrchestratorNode | undefined {
  const byName = nodes.find((node) => node.name === entry.name)
  if (byName !== undefined) return byName
  const there = nodes.filter((node) => node.isActive && node.ipAddress === entry.ip)
  const at = (port: number) => there.find((node) => node.rpcPort === port)
  if (entry.rpcPort !== undefined) return at(entry.rpcPort)
  return at(defaultPort) ?? (there.length === 1 ? there[0] : undefined)
}

function fieldsOf(entry: NodeEntry, target: OrchestratorNode | undefined, defaultPort: number): NodeFields {
  return {
    name: entry.name,
    ipAddress: entry.ip,
    pubkey: entry.pubkey ?? target?.pubkey ?? null,
    rpcPort: entry.rpcPort ?? target?.rpcPort ?? defaultPort,
    isActive: true,
  }
}

const isAt = (node: OrchestratorNode, fields: NodeFields) =>
  node.ipAddress === fields.ipAddress && node.rpcPort === fields.rpcPort
