import type { Knex } from 'knex'
import type { KindName } from '../../kinds.ts'
import { type HistoryPage, type HistoryRow, historyColumns } from '../releases.ts'
import { type ImageFilter, whereRan } from './image-filter.ts'

export interface HistorySearch extends ImageFilter {
  clientName: string | undefined
  envName: string | undefined
  kind: KindName | undefined
}

/** An interval with the container that it is of. */
export interface FoundRow extends HistoryRow {
  client_name: string
  env_name: string
  namespace: string
  workload: string
  container: string
}

/** Intervals of all containers that ran an image, the newest first. `total` is that of all pages. */
export async function searchHistory(
  db: Knex,
  search: HistorySearch,
  { after, limit }: HistoryPage,
): Promise<{ rows: FoundRow[]; total: number }> {
  const query = db('tracker_intervals as i')
    .join('tracker_components as c', 'c.id', 'i.component_id')
    .join('tracker_scopes as s', 's.id', 'c.scope_id')
  whereRan(query, search)
  const { clientName, envName, kind } = search
  if (clientName !== undefined) query.where('s.client_name', clientName)
  if (envName !== undefined) query.where('s.env_name', envName)
  if (kind !== undefined) query.where('c.kind', kind.kind)
  if (kind?.group !== undefined) query.where('c.api_group', kind.group)
  const [count] = await query.clone().count<{ count: string }[]>()
  if (after !== undefined)
    query.whereRaw('(i.first_seen, i.id) < (?::timestamptz, ?::bigint)', [after.firstSeen, after.id])
  const rows: FoundRow[] = await query
    .orderBy([
      { column: 'i.first_seen', order: 'desc' },
      { column: 'i.id', order: 'desc' },
    ])
    .limit(limit)
    .select(...historyColumns(db), 's.client_name', 's.env_name', 's.namespace', 'c.workload', 'c.container')
  return { rows, total: Number(count?.count ?? 0) }
}
