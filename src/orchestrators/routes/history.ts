import type { Response } from 'express'
import type { Knex } from 'knex'
import { type Route, route } from '../../platform/http/index.ts'
import { nodeHistory, snapshotView } from '../history.ts'
import { networks } from '../node/networks.ts'
import { historyQuery, nodePath } from '../schema.ts'
import { operation } from './operation.ts'

export function historyRoutes(db: Knex): Route[] {
  return [
    route({
      ...operation('getNodeHistory'),
      method: 'get',
      path: '/api/v1/orchestrators/:id/history',
      access: 'orchestrators:read',
      invalidStatus: 422,
      params: nodePath,
      query: historyQuery,
      async handle({ params, query, res }) {
        const { node, snapshots, total, nextCursor } = await nodeHistory(db, params.id, query)
        const views = snapshots.map((each) => snapshotView(node.id, each))
        if (query.format === 'csv') {
          sendCsv(res, views, nextCursor)
          return undefined
        }
        const { page, page_size } = query
        const body = { node_id: node.id, node_name: node.name, snapshots: views, total, page, page_size }
        return { body: { ...body, next_cursor: nextCursor } }
      },
    }),
  ]
}

type View = ReturnType<typeof snapshotView>

/** The page as CSV; the cursor of the next page is in a header. */
function sendCsv(res: Response, views: View[], nextCursor: string | null): void {
  if (nextCursor !== null) res.setHeader('X-Next-Cursor', nextCursor)
  res.setHeader('Content-Type', 'text/csv; charset=utf-8')
  res.setHeader('Content-Disposition', 'attachment; filename="history.csv"')
  const lines = [header, ...views.map(rowOf)]
  res.end(lines.map((cells) => `${cells.map(cell).join(',')}\r\n`).join(''))
}

const fields = [
  'id',
  'timestamp',
  'pillar_name',
  'producer_address',
  'state',
  'state_name',
  'is_online',
  'confirmed_online',
  'sample',
  'response_time_ms',
  'error_message',
] as const

const header = [...fields, ...networks.flatMap((name) => [`${name}_wraps`, `${name}_unwraps`])]

function rowOf(view: View): unknown[] {
  const of = (name: string) => view.network_stats.find((each) => each.network === name)
  const backlogs = networks.flatMap((name) => [of(name)?.wraps_count, of(name)?.unwraps_count])
  return [...fields.map((field) => view[field]), ...backlogs]
}

/** Nodes are not trusted: a text that a spreadsheet would run as a formula is quoted as text. */
function cell(value: unknown): string {
  if (value == null) return ''
  const text = typeof value === 'string' && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
