import type { Knex } from 'knex'
import { invalidBody, notFound } from '../../platform/errors.ts'
import { decodeCursor, page, type Route, route } from '../../platform/http/index.ts'
import { newWindowBody, windowPath, windowsQuery } from '../schema.ts'
import {
  deleteWindow,
  existingNodeIds,
  insertWindow,
  listWindows,
  type MaintenanceWindow,
} from '../store/windows.ts'
import { operation } from './operation.ts'

const at = '/api/v1/maintenance-windows'

export function windowRoutes(db: Knex): Route[] {
  const write = { access: 'orchestrators:write', invalidStatus: 422 } as const
  return [
    route({
      ...operation('listMaintenanceWindows'),
      method: 'get',
      path: at,
      access: 'orchestrators:read',
      invalidStatus: 422,
      query: windowsQuery,
      async handle({ query }) {
        const { cursor, limit } = query
        const rows = await listWindows(db, { before: decodeCursor(cursor, 422), limit: limit + 1 })
        const { items, next } = page(rows, limit)
        return { body: { windows: items.map(windowView), next_cursor: next } }
      },
    }),
    route({
      ...operation('createMaintenanceWindow'),
      ...write,
      method: 'post',
      path: at,
      body: newWindowBody,
      handle: ({ body, principal, commit }) =>
        commit(async (trx) => {
          const { node_ids: given, from, to, reason } = body
          const nodeIds = given === undefined ? null : [...new Set(given)]
          await requireNodes(trx, nodeIds ?? [])
          const createdBy = principal?.name ?? ''
          return { body: windowView(await insertWindow(trx, { nodeIds, from, to, reason, createdBy })) }
        }),
    }),
    route({
      ...operation('deleteMaintenanceWindow'),
      ...write,
      method: 'delete',
      path: `${at}/:id`,
      params: windowPath,
      async handle({ params }) {
        if (!(await deleteWindow(db, params.id))) throw notFound('Maintenance window')
        return { body: { status: 'success', message: 'Maintenance window deleted' } }
      },
    }),
  ]
}

async function requireNodes(db: Knex, ids: number[]): Promise<void> {
  if (ids.length === 0) return
  const known = await existingNodeIds(db, ids)
  const fields = ids.flatMap((id, index) =>
    known.has(id) ? [] : [{ path: `node_ids.${index}`, problem: 'no node has this id' }],
  )
  if (fields.length === 0) return
  throw invalidBody(fields, 422)
}

const windowView = (window: MaintenanceWindow) => ({
  id: window.id,
  scope: window.nodeIds === null ? 'all' : 'nodes',
  node_ids: window.nodeIds,
  from: window.from.toISOString(),
  to: window.to.toISOString(),
  reason: window.reason,
  created_by: window.createdBy,
  created_at: window.createdAt.toISOString(),
})
