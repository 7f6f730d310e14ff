import type { Knex } from 'knex'
import type { ContainerColumns, EndColumns, ImageColumns, RolloutColumns } from '../rows.ts'
import type { Place } from '../scopes.ts'

/** An interval as it is pushed: what happened in one container, with its true times. */
export interface OutgoingInterval extends ContainerColumns, ImageColumns, EndColumns, RolloutColumns {
  id: string
  collected: boolean
  /** False when only its rollout moved. */
  is_news: boolean
  /** The master has been sent it before and has not stored it. */
  waits: boolean
}

/** Where a page of intervals begins: after this one. */
export interface After {
  firstSeen: Date
  id: string
}

interface PageOptions {
  since: number | null
  after: After | undefined
  limit: number
  /** Includes intervals that wait and are not due yet. */
  withWaiting?: boolean
  /** Ids that are left out in any case. */
  omit?: string[]
}

/**
 * What runs after `since` have written, everything for null; and what waits and is due again. By the time it began, so
 * that histories grow forward. What waits and is not due is left out unless `withWaiting` is set: it has pauses of its own.
 */
export async function readOutgoing(db: Knex, place: Place, page: PageOptions): Promise<OutgoingInterval[]> {
  const { since, after, limit, withWaiting = false, omit = [] } = page
  const changed =
    since === null
      ? ''
      : `and i.id in (select id from tracker_intervals where run > ?
           union select interval_id from tracker_components where run > ?
           union select interval_id from tracker_waiting where next_try_at <= clock_timestamp())`
  const { rows } = await db.raw(
    `select i.id, s.namespace, c.api_group, c.kind, c.workload, c.container, i.image_repo, i.image_name, i.image_tag, i.image_sha,
       i.first_seen, i.ended, i.ended_at, c.interval_id = i.id and c.watched as collected, i.run > ? as is_news,
       w.interval_id is not null as waits,
       case when c.interval_id = i.id and c.watched then greatest(i.last_seen, s.last_seen) else i.last_seen end as last_seen,
       case when c.interval_id = i.id then c.state end as state, case when c.interval_id = i.id then c.pods end as pods,
       case when c.interval_id = i.id then c.images else '[]' end as images
     from tracker_intervals i join tracker_components c on c.id = i.component_id join tracker_scopes s on s.id = c.scope_id
     left join tracker_waiting w on w.interval_id = i.id
     where s.client_name = ? and s.env_name = ? ${changed} and (? or w.interval_id is null or w.next_try_at <= clock_timestamp())
       and i.id <> all(?::bigint[])
       and (i.first_seen, i.id) > (?::timestamptz, ?::bigint)
     order by i.first_seen, i.id limit ?`,
    [
      ...[since ?? -1, place.clientName, place.envName],
      ...(since === null ? [] : [since, since]),
      ...[withWaiting, omit],
      ...[after?.firstSeen ?? '-infinity', after?.id ?? '0', limit],
    ],
  )
  return rows
}

/** When namespaces were last read, of those that runs after `since` have read. */
export async function readOutgoingScopes(
  db: Knex,
  place: Place,
  since: number | null,
): Promise<{ namespace: string; last_seen: Date }[]> {
  return db('tracker_scopes')
    .where({ client_name: place.clientName, env_name: place.envName })
    .where('run', '>', since ?? -1)
    .whereNotNull('last_seen')
    .orderBy('namespace')
    .select('namespace', 'last_seen')
}
