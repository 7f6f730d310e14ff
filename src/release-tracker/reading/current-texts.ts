import type { Knex } from 'knex'
import { type CurrentFilter, pastOf, presentOf } from '../store/releases.ts'

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
  clientName: string
  envName: string
  /** What was seen whenever the namespace was has `sinceSeen` for its `last_seen`. */
  text: string | null
  /** When that was, of the same length. */
  lastSeen: string | null
  /** False when a next look at the namespace changes more than `lastSeen`, with no other version. */
  lasting: boolean
}

/** In a text: seen whenever its namespace was. No value of a release can hold this, its quotes would be escaped. */
export const sinceSeen = '"last_seen":"0000-00-00T00:00:00.000Z"'
const seenMark = sinceSeen.split('"')[3]

type Filter = Pick<CurrentFilter, 'clientName' | 'envName'>

const isoTime = (column: string) => `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`

const viewOf = (
  lastSeen: string,
) => `r.namespace, r.workload as workload_name, r.kind as workload_type, r.container as container_name,
  r.image_repo, r.image_name, r.image_tag, r.image_sha, r.client_name, r.env_name,
  ${isoTime('r.first_seen')} as first_seen, ${lastSeen} as last_seen, r.state, r.pods, r.images`

/** An object of `currentView`'s shape: the API group is in it only where the kind is not Kubernetes' own. */
const objectText = `left(row_to_json(v)::text, -1) ||
  case when r.api_group = '' then '' else ',"workload_group":' || to_json(r.api_group)::text end || '}'`

/** Aggregates rows `r` to the number of them and their text. */
const textOf = `count(*)::int as releases,
  string_agg(${objectText}, ',' order by r.workload collate "C", r.container collate "C", r.id) as text`

/**
 * Everything that runs, by namespace: of ten thousand containers, objects and dates would cost more than reading them.
 * A collection that finds nothing else moves a namespace's time only, so that is not in the texts.
 * One statement, so that the texts and the versions that the caller has cached belong to one moment.
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
    `select s.id, s.version, s.namespace, s.client_name as "clientName", s.env_name as "envName",
       ${isoTime('s.last_seen')} as "lastSeen", t.*
     from ? s left join unnest(?::int[], ?::uuid[]) as k (id, version) on k.id = s.id and k.version = s.version,
     lateral (
       select ${textOf}, coalesce(bool_and(not r.watched or r.last_seen is null), true) as lasting from (
         select s.namespace, s.client_name, s.env_name, c.id, c.api_group, c.kind, c.workload, c.container,
           c.image_repo, c.image_name, c.image_tag, c.image_sha, c.first_seen, c.state, c.pods, c.images,
           c.watched, case when c.watched and s.last_seen >= c.last_seen then null else c.last_seen end as last_seen
         from tracker_components c
         where c.scope_id = s.id and c.interval_id is not null and k.id is null
       ) r cross join lateral (select ${viewOf(`coalesce(${isoTime('r.last_seen')}, '${seenMark}')`)}) v
     ) t order by s.namespace collate "C", s.id`,
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
  const { rows } = await db.raw(
    `select r.namespace, ${textOf} from ? r cross join lateral (select ${viewOf(isoTime('r.last_seen'))}) v
     group by r.namespace order by r.namespace collate "C"`,
    [query],
  )
  return rows
}
