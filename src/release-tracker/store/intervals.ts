import type { Knex } from 'knex'
import type { Change, Interval, Neighbours } from '../history/placement.ts'
import type { Image } from '../image-reference.ts'
import { imageColumns } from './components.ts'

/** Finds the intervals before and after moments of components' histories, in one round trip. */
export async function findNeighbours(
  trx: Knex.Transaction,
  asked: { componentId: string; at: Date; image: Image }[],
): Promise<Neighbours[]> {
  const input = asked.map(({ componentId, at, image }, n) => ({
    n,
    component_id: componentId,
    at,
    image_tag: image.tag,
    image_sha: image.sha,
  }))
  // Whether the following image ran earlier decides whether the observed interval was replaced or rolled back.
  const { rows } = await trx.raw(
    `select o.n, to_jsonb(b) as before, to_jsonb(a) as after,
       case when b.ended is null and c.watched then greatest(b.last_seen, s.last_seen) else b.last_seen end as before_seen,
       case when a.ended is null and c.watched then greatest(a.last_seen, s.last_seen) else a.last_seen end as after_seen,
       b.id is not null and exists (select from tracker_intervals e where e.component_id = o.component_id
         and e.first_seen < b.first_seen and e.image_tag = o.image_tag
         and coalesce(e.image_sha = o.image_sha, true)) as observed_earlier,
       a.id is not null and exists (select from tracker_intervals e where e.component_id = o.component_id
         and e.first_seen <= o.at and e.image_tag = a.image_tag
         and coalesce(e.image_sha = a.image_sha, true)) as after_earlier
     from json_to_recordset(?) as o (n int, component_id bigint, at timestamptz, image_tag text, image_sha text)
     join tracker_components c on c.id = o.component_id
     join tracker_scopes s on s.id = c.scope_id
     left join lateral (select * from tracker_intervals where component_id = o.component_id and first_seen <= o.at
       order by first_seen desc limit 1) b on true
     left join lateral (select * from tracker_intervals where component_id = o.component_id and first_seen > o.at
       order by first_seen limit 1) a on true
     order by o.n`,
    [JSON.stringify(input)],
  )
  return rows.map((row: NeighbourRow) => ({
    before: toInterval(row.before, row.before_seen),
    after: toInterval(row.after, row.after_seen),
    ranEarlier: { observed: row.observed_earlier, after: row.after_earlier },
  }))
}

interface NeighbourRow {
  before: IntervalJson | null
  after: IntervalJson | null
  before_seen: Date | null
  after_seen: Date | null
  observed_earlier: boolean
  after_earlier: boolean
}

interface IntervalJson {
  id: number
  image_repo: string
  image_name: string
  image_tag: string
  image_sha: string | null
  first_seen: string
  ended: Interval['ended']
  ended_at: string | null
}

function toInterval(row: IntervalJson | null, lastSeen: Date | null): Interval | undefined {
  if (row === null || lastSeen === null) return undefined
  return {
    id: String(row.id),
    image: { repo: row.image_repo, name: row.image_name, tag: row.image_tag, sha: row.image_sha },
    firstSeen: new Date(row.first_seen),
    lastSeen,
    ended: row.ended,
    endedAt: row.ended_at === null ? null : new Date(row.ended_at),
  }
}

export async function changeIntervals(
  trx: Knex.Transaction,
  changes: { id: string; change: Change }[],
  run: number,
): Promise<void> {
  if (changes.length === 0) return
  const input = changes.map(({ id, change }) => ({
    id,
    image_repo: change.image?.repo ?? null,
    image_name: change.image?.name ?? null,
    image_sha: change.image?.sha ?? null,
    first_seen: change.firstSeen ?? null,
    last_seen: change.lastSeen ?? null,
    ends: change.ended !== undefined || change.endedAt !== undefined,
    ended: change.ended ?? null,
    ended_at: change.endedAt ?? null,
  }))
  await trx.raw(
    `update tracker_intervals i set
       image_repo = coalesce(u.image_repo, i.image_repo), image_name = coalesce(u.image_name, i.image_name),
       image_sha = coalesce(u.image_sha, i.image_sha),
       first_seen = coalesce(u.first_seen, i.first_seen), last_seen = coalesce(u.last_seen, i.last_seen),
       ended = case when u.ends then u.ended else i.ended end,
       ended_at = case when u.ends then u.ended_at else i.ended_at end,
       run = ?
     from json_to_recordset(?) as u (id bigint, image_repo text, image_name text, image_sha text,
       first_seen timestamptz, last_seen timestamptz, ends boolean, ended text, ended_at timestamptz)
     where i.id = u.id`,
    [run, JSON.stringify(input)],
  )
}

export async function insertIntervals(
  trx: Knex.Transaction,
  intervals: { componentId: string; interval: Omit<Interval, 'id'> }[],
  run: number,
): Promise<void> {
  if (intervals.length === 0) return
  const input = intervals.map(({ componentId, interval }) => ({
    component_id: componentId,
    ...imageColumns(interval.image),
    first_seen: interval.firstSeen,
    last_seen: interval.lastSeen,
    ended: interval.ended,
    ended_at: interval.endedAt,
  }))
  await trx.raw(
    `insert into tracker_intervals (component_id, image_repo, image_name, image_tag, image_sha, first_seen, last_seen,
       ended, ended_at, run, first_run)
     select t.*, ?::bigint, ?::bigint from json_to_recordset(?) as t (component_id bigint, image_repo text, image_name text,
       image_tag text, image_sha text, first_seen timestamptz, last_seen timestamptz, ended text, ended_at timestamptz)`,
    [run, run, JSON.stringify(input)],
  )
}

/** Ends the open intervals of components that are gone. @returns the image of each. */
export async function endAsRemoved(
  trx: Knex.Transaction,
  gone: { componentId: string; at: Date; lastSeen?: Date | undefined }[],
  run: number,
): Promise<Removed[]> {
  if (gone.length === 0) return []
  const input = gone.map(({ componentId, at, lastSeen }) => ({
    component_id: componentId,
    at,
    last_seen: lastSeen ?? null,
  }))
  const { rows } = await trx.raw(
    `update tracker_intervals i set ended = 'removed', run = ?, ended_at = greatest(u.at, i.last_seen),
       last_seen = greatest(i.last_seen, u.last_seen, case when c.watched then s.last_seen end)
     from json_to_recordset(?) as u (component_id bigint, at timestamptz, last_seen timestamptz)
     join tracker_components c on c.id = u.component_id
     join tracker_scopes s on s.id = c.scope_id
     where i.id = c.interval_id and i.ended is null and u.at >= i.last_seen
     returning c.id, s.namespace, c.api_group, c.kind, c.workload, c.container, i.image_tag, i.image_sha, i.last_seen`,
    [run, JSON.stringify(input)],
  )
  return rows
}

export interface Removed {
  id: string
  namespace: string
  api_group: string
  kind: string
  workload: string
  container: string
  image_tag: string
  image_sha: string | null
  last_seen: Date
}
