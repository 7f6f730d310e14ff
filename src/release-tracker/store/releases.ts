import type { Knex } from 'knex'
import type { KindName } from '../kinds.ts'
import type { ContainerColumns, EndColumns, ImageColumns, RolloutColumns } from './rows.ts'
import type { Place } from './scopes.ts'
import { type ImageFilter, isSearch, whereEverRan, wherePresent, whereRan } from './search/image-filter.ts'

/** The image of one container, now or at the requested moment. */
export interface CurrentRow extends ContainerColumns, ImageColumns, RolloutColumns {
  id: string
  client_name: string
  env_name: string
}

export interface CurrentFilter {
  clientName?: string | undefined
  envName?: string | undefined
  /** Which images, of which namespaces. */
  search?: ImageFilter | undefined
  at?: Date | undefined
  after?: CurrentPosition | undefined
  limit?: number | undefined
}

/** Where a page begins: the sort key of its predecessor's last row. */
export type CurrentPosition = [namespace: string, workload: string, container: string, id: string]

/** The last_seen of an open component. A component that collections see was seen when its namespace was. */
const seenNow = 'case when c.watched then greatest(c.last_seen, s.last_seen) else c.last_seen end'
const seenThen = `case when i.ended is null and c.watched then greatest(i.last_seen, s.last_seen) else i.last_seen end`
// By bytes, so that the order is the same in every database.
const sortKey = `s.namespace collate "C", c.workload collate "C", c.container collate "C", c.id`

/** By namespace, workload and container. `total` is that of all pages. */
export async function listCurrent(
  db: Knex,
  filter: CurrentFilter,
): Promise<{ rows: CurrentRow[]; total: number }> {
  const query = filter.at === undefined ? presentOf(db) : pastOf(db, filter.at)
  if (filter.clientName !== undefined) query.where('s.client_name', filter.clientName)
  if (filter.envName !== undefined) query.where('s.env_name', filter.envName)
  if (filter.search !== undefined && filter.at === undefined) wherePresent(query, filter.search)
  if (filter.search !== undefined && filter.at !== undefined) {
    whereRan(query, filter.search)
    whereEverRan(query, db, filter.search)
  }
  const counted = filter.limit === undefined ? undefined : query.clone().clearSelect()
  if (filter.after !== undefined) query.whereRaw(`(${sortKey}) > (?, ?, ?, ?::bigint)`, filter.after)
  query.select(
    's.client_name',
    's.env_name',
    's.namespace',
    'c.id',
    'c.api_group',
    'c.kind',
    'c.workload',
    'c.container',
  )
  query.orderByRaw(sortKey)
  if (filter.limit !== undefined) query.limit(filter.limit)
  const rows: CurrentRow[] = await query
  const [count] = counted === undefined ? [] : await counted.count<{ count: string }[]>()
  return { rows, total: count === undefined ? rows.length : Number(count.count) }
}

export function presentOf(db: Knex): Knex.QueryBuilder {
  const query = db('tracker_components as c').join('tracker_scopes as s', 's.id', 'c.scope_id')
  return query
    .whereNotNull('c.interval_id')
    .select(...imageOf('c'), 'c.state', 'c.pods', 'c.images', db.raw(`${seenNow} as last_seen`))
}

/** The last interval that had begun by then, unless it was found gone by then. */
export function pastOf(db: Knex, at: Date): Knex.QueryBuilder {
  const query = db('tracker_components as c').join('tracker_scopes as s', 's.id', 'c.scope_id')
  const nulls = db.raw('null as state, null as pods, null as images')
  return query
    .joinRaw(
      `cross join lateral (select * from tracker_intervals where component_id = c.id and first_seen <= ?
       order by first_seen desc limit 1) i`,
      [at],
    )
    .whereRaw(
      `(i.ended is null or i.ended not in ('removed', 'unknown') or coalesce(i.ended_at, i.last_seen) > ?)`,
      [at],
    )
    .select(...imageOf('i'), nulls, db.raw(`${seenThen} as last_seen`))
}

const imageOf = (table: string) =>
  ['image_repo', 'image_name', 'image_tag', 'image_sha', 'first_seen'].map((column) => `${table}.${column}`)

export interface HistoryRow extends ImageColumns, EndColumns {
  id: string
  api_group: string
  kind: string
}

export interface HistoryKey extends Place {
  namespace: string
  workload: string
  container: string
  kind?: KindName | undefined
}

/** Newest first, at most `limit` after a position. */
export interface HistoryPage {
  after: { firstSeen: string; id: string } | undefined
  limit: number
}

/** Columns of intervals `i` with their components `c` and scopes `s`. */
export const historyColumns = (db: Knex) => [
  ...['i.id', 'c.api_group', 'c.kind', ...imageOf('i'), 'i.ended', 'i.ended_at'],
  db.raw(`${seenThen} as last_seen`),
]

/** Newest first. @returns undefined for a component that was never seen. */
export async function readHistory(
  db: Knex,
  key: HistoryKey & { search: ImageFilter },
  page: HistoryPage,
): Promise<{ rows: HistoryRow[]; total: number } | undefined> {
  const found = db('tracker_components as c')
    .join('tracker_scopes as s', 's.id', 'c.scope_id')
    .where({ client_name: key.clientName, env_name: key.envName, namespace: key.namespace })
    .where({ workload: key.workload, container: key.container })
  if (key.kind !== undefined) found.where({ kind: key.kind.kind })
  if (key.kind?.group !== undefined) found.where({ api_group: key.kind.group })
  const ids: string[] = await found.pluck('c.id')
  const intervals = db('tracker_intervals as i').whereIn('i.component_id', ids)
  const countOf = async (query: Knex.QueryBuilder) => {
    const [count] = await query.clone().count<{ count: string }[]>()
    return Number(count?.count ?? 0)
  }
  const all = await countOf(intervals)
  if (all === 0) return undefined
  whereRan(intervals, key.search)
  const total = isSearch(key.search) ? await countOf(intervals) : all
  const query = intervals
    .join('tracker_components as c', 'c.id', 'i.component_id')
    .join('tracker_scopes as s', 's.id', 'c.scope_id')
    .orderBy([
      { column: 'i.first_seen', order: 'desc' },
      { column: 'i.id', order: 'desc' },
    ])
    .limit(page.limit)
    .select(...historyColumns(db))
  if (page.after !== undefined) {
    const { firstSeen, id } = page.after
    query.whereRaw('(i.first_seen, i.id) < (?::timestamptz, ?::bigint)', [firstSeen, id])
  }
  return { rows: await query, total }
}

export interface EnvironmentRow {
  client_name: string
  env_name: string
  /** Containers that run now. */
  releases: number
}

/** Environments in which something was ever seen. */
export async function listEnvironments(db: Knex, clientName: string | undefined): Promise<EnvironmentRow[]> {
  return db('tracker_scopes as s')
    .join('tracker_components as c', 's.id', 'c.scope_id')
    .modify((query) => clientName === undefined || query.where({ client_name: clientName }))
    .groupBy('client_name', 'env_name')
    .orderBy(['client_name', 'env_name'])
    .select('client_name', 'env_name', db.raw('count(c.interval_id)::int as releases'))
}
