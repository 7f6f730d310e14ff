import type { Knex } from 'knex'
import type { ContainerColumns, EndColumns, ImageColumns, RolloutColumns } from '../rows.ts'
import type { Place } from '../scopes.ts'

/** An interval as it is pushed: what happened in one container, with its true times. */
export interface OutgoingInterval extends ContainerColumns, ImageColumns, EndColumns, RolloutColumns {
  id: string
  /** False for an interval that people recorded. */
  collected: boolean
  /** Why the master did not store it at the last try; null if it was not sent before, or was stored. */
  reason: string | null
  tries: number
}

/** When a namespace was last read. */
export interface OutgoingScope {
  namespace: string
  last_seen: Date
}

/** The last interval of the previous page. */
type Cursor = Pick<OutgoingInterval, 'id' | 'first_seen' | 'tries'> | undefined

const select = `select i.id, s.namespace, c.api_group, c.kind, c.workload, c.container,
    i.image_repo, i.image_name, i.image_tag, i.image_sha, i.first_seen, i.ended, i.ended_at,
    c.interval_id = i.id and c.watched as collected, w.reason, coalesce(w.tries, 0) as tries,
    case when c.interval_id = i.id and c.watched then greatest(i.last_seen, s.last_seen) else i.last_seen end as last_seen,
    case when c.interval_id = i.id then c.state end as state, case when c.interval_id = i.id then c.pods end as pods,
    case when c.interval_id = i.id then c.images else '[]' end as images
  from tracker_intervals i join tracker_components c on c.id = i.component_id join tracker_scopes s on s.id = c.scope_id
  left join tracker_waiting w on w.interval_id = i.id
  where s.client_name = :clientName and s.env_name = :envName`

/**
 * Reads the intervals that runs after `since` have changed, or all of them for null, and those that wait and are due
 * again. Sorted by their beginning, so that histories grow forward. A full push includes waiting intervals that are not
 * due, because it must be complete. Intervals that the master refused by themselves are never included.
 */
export async function readChanged(
  db: Knex,
  { clientName, envName }: Place,
  page: { since: number | null; after: Cursor; limit: number },
): Promise<OutgoingInterval[]> {
  const { since, after, limit } = page
  const changed =
    since === null
      ? ''
      : `and i.id in (select id from tracker_intervals where run > :since
           union select interval_id from tracker_components where run > :since
           union select interval_id from tracker_waiting where next_try_at <= clock_timestamp())`
  const { rows } = await db.raw(
    `${select} ${changed}
       and (w.interval_id is null or not w.alone and (:full or w.next_try_at <= clock_timestamp()))
       and (i.first_seen, i.id) > (:firstSeen::timestamptz, :id::bigint)
     order by i.first_seen, i.id limit :limit`,
    { clientName, envName, since, full: since === null, ...positionOf(after), limit },
  )
  return rows
}

/** Reads the intervals that wait and are due, those with the fewest tries first, so that none keeps others from being tried. */
export async function readDue(
  db: Knex,
  { clientName, envName }: Place,
  { after, limit }: { after: Cursor; limit: number },
): Promise<OutgoingInterval[]> {
  const { rows } = await db.raw(
    `${select} and w.next_try_at <= clock_timestamp()
       and (w.tries, i.first_seen, i.id) > (:tries, :firstSeen::timestamptz, :id::bigint)
     order by w.tries, i.first_seen, i.id limit :limit`,
    { clientName, envName, tries: after?.tries ?? -1, ...positionOf(after), limit },
  )
  return rows
}

/** Reads the intervals that the master has refused by themselves. */
export async function readRefusedAlone(
  db: Knex,
  { clientName, envName }: Place,
  { onlyDue = false, limit }: { onlyDue?: boolean; limit: number },
): Promise<OutgoingInterval[]> {
  const { rows } = await db.raw(
    `${select} and w.alone and (not :onlyDue or w.next_try_at <= clock_timestamp())
     order by w.next_try_at, i.id limit :limit`,
    { clientName, envName, onlyDue, limit },
  )
  return rows
}

const positionOf = (after: Cursor) => ({ firstSeen: after?.first_seen ?? '-infinity', id: after?.id ?? '0' })

/** Reads when namespaces were last read, for those that runs after `since` have read. */
export async function readOutgoingScopes(
  db: Knex,
  place: Place,
  since: number | null,
): Promise<OutgoingScope[]> {
  return db('tracker_scopes')
    .where({ client_name: place.clientName, env_name: place.envName })
    .where('run', '>', since ?? -1)
    .whereNotNull('last_seen')
    .orderBy('namespace')
    .select('namespace', 'last_seen')
}
