import type { Knex } from 'knex'
import { type CurrentFilter, pastOf, presentOf } from './releases.ts'

/** What one namespace runs, or ran, as text. */
export interface CurrentText {
  namespace: string
  releases: number
  /** JSON objects of `currentView`'s shape, with commas between. */
  text: string
}

/** A namespace as it is now; the text is left out where its version is among the known ones. */
export interface ScopeText extends Omit<CurrentText, 'text'> {
  id: number
  version: string
  text: string | null
}

type Filter = Pick<CurrentFilter, 'clientName' | 'envName'>

const isoTime = (time: string) => `to_char(${time} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
const memberOf = (table: string) => (name: string, column: string) =>
  `'"${name}":' || coalesce(to_json(${table}.${column})::text, 'null')`

// Put together by hand: a row made into JSON as a whole takes half as long again.
const presentRow = [
  memberOf('n')('workload_name', 'workload'),
  memberOf('n')('workload_type', 'kind'),
  memberOf('n')('container_name', 'container'),
  ...['image_repo', 'image_name', 'image_tag'].map((column) => memberOf('n')(column, column)),
  `'"image_sha":"' || n.image_sha || '"'`,
  `c.names`,
  `'"first_seen":"' || ${isoTime('n.first_seen')} || '"'`,
  // As a rule all were last seen when their namespace was.
  `'"last_seen":"' || case when n.watched and n.last_seen <= c.last_seen then c.seen
     else ${isoTime('n.last_seen')} end || '"'`,
  `'"state":' || coalesce('"' || n.state || '"', 'null')`,
  `'"pods":' || coalesce(n.pods::text, 'null')`,
  `'"images":' || n.images`,
].join(` || ',' || `)

/**
 * Everything that runs, by namespace: of ten thousand containers, objects and dates would cost more than reading them.
 * One statement, so that all of it is of one moment, also what the caller knows already.
 */
export async function readScopeTexts(
  db: Knex,
  filter: Filter,
  known: { id: number; version: string }[],
): Promise<ScopeText[]> {
  const scopes = db('tracker_scopes as s').select('s.*')
  if (filter.clientName !== undefined) scopes.where('s.client_name', filter.clientName)
  if (filter.envName !== undefined) scopes.where('s.env_name', filter.envName)
  const { rows } = await db.raw(
    `select c.id, c.version, c.namespace, t.releases, t.text
     from (
       select s.*, k.id is not null as is_known, ${isoTime('s.last_seen')} as seen, '{"namespace":' || to_json(s.namespace) as head,
         '"client_name":' || to_json(s.client_name) || ',"env_name":' || to_json(s.env_name) as names
       from ? s left join unnest(?::int[], ?::uuid[]) as k (id, version) on k.id = s.id and k.version = s.version
     ) c, lateral (
       select count(*)::int as releases, string_agg(c.head || ',' || ${presentRow} || '}', ',') as text
       from (select * from tracker_components where scope_id = c.id and interval_id is not null and not c.is_known
         order by workload collate "C", container collate "C", id) n
     ) t order by c.namespace collate "C", c.id`,
    [scopes, known.map(({ id }) => id), known.map(({ version }) => version)],
  )
  return rows
}

/** The same of a past moment, or of scopes that share the name of a namespace. */
export async function currentText(
  db: Knex,
  filter: Filter & Pick<CurrentFilter, 'at'>,
): Promise<CurrentText[]> {
  const query = filter.at === undefined ? presentOf(db) : pastOf(db, filter.at)
  if (filter.clientName !== undefined) query.where('s.client_name', filter.clientName)
  if (filter.envName !== undefined) query.where('s.env_name', filter.envName)
  query.select('s.client_name', 's.env_name', 's.namespace', 'c.id', 'c.kind', 'c.workload', 'c.container')
  const { rows } = await db.raw(
    `select r.namespace, count(*)::int as releases,
       string_agg(row_to_json(v)::text, ',' order by r.workload collate "C", r.container collate "C", r.id) as text
     from ? r cross join lateral (
       select r.namespace, r.workload as workload_name, r.kind as workload_type, r.container as container_name,
         r.image_repo, r.image_name, r.image_tag, r.image_sha, r.client_name, r.env_name,
         ${isoTime('r.first_seen')} as first_seen, ${isoTime('r.last_seen')} as last_seen, r.state, r.pods, r.images
     ) v group by r.namespace order by r.namespace collate "C"`,
    [query],
  )
  return rows
}
