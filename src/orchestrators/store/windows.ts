import { randomUUID } from 'node:crypto'
import type { Knex } from 'knex'
import type { Position } from '../../platform/http/cursor.ts'

/** A maintenance window, which statistics leave out, of some nodes or (null) of all nodes and the bridge. */
export interface MaintenanceWindow {
  id: string
  nodeIds: number[] | null
  from: Date
  to: Date
  reason: string
  createdBy: string
  createdAt: Date
}

export async function insertWindow(
  trx: Knex.Transaction,
  window: Omit<MaintenanceWindow, 'id' | 'createdAt'>,
): Promise<MaintenanceWindow> {
  const [row] = await trx('orchestrator_maintenance_windows')
    .insert({
      id: randomUUID(),
      node_ids: window.nodeIds,
      starts_at: window.from,
      ends_at: window.to,
      reason: window.reason,
      created_by: window.createdBy,
    })
    .returning('*')
  return toWindow(row)
}

/** @returns true if it existed */
export async function deleteWindow(db: Knex, id: string): Promise<boolean> {
  return (await db('orchestrator_maintenance_windows').where({ id }).delete()) > 0
}

/** Newest first. */
export async function listWindows(
  db: Knex,
  page: { before: Position | undefined; limit: number },
): Promise<(MaintenanceWindow & { position: string })[]> {
  const query = db('orchestrator_maintenance_windows')
    .select(
      '*',
      db.raw(`to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as position`),
    )
    .orderBy([
      { column: 'created_at', order: 'desc' },
      { column: 'id', order: 'desc' },
    ])
    .limit(page.limit)
  if (page.before !== undefined) {
    query.whereRaw('(created_at, id) < (?::timestamptz, ?::uuid)', [page.before.createdAt, page.before.id])
  }
  return (await query).map((row) => ({ ...toWindow(row), position: row.position }))
}

/** The windows that overlap a period. */
export async function windowsIn(db: Knex, period: { from: Date; to: Date }): Promise<MaintenanceWindow[]> {
  const rows = await db('orchestrator_maintenance_windows')
    .where('ends_at', '>', period.from)
    .where('starts_at', '<', period.to)
  return rows.map(toWindow)
}

/** The ids among these that exist, active or not. */
export async function existingNodeIds(db: Knex, ids: number[]): Promise<Set<number>> {
  const rows = await db('orchestrator_nodes').whereIn('id', ids).select('id')
  return new Set(rows.map((row) => row.id))
}

function toWindow(row: WindowRow): MaintenanceWindow {
  return {
    id: row.id,
    nodeIds: row.node_ids,
    from: row.starts_at,
    to: row.ends_at,
    reason: row.reason,
    createdBy: row.created_by,
    createdAt: row.created_at,
  }
}

interface WindowRow {
  id: string
  node_ids: number[] | null
  starts_at: Date
  ends_at: Date
  reason: string
  created_by: string
  created_at: Date
}
