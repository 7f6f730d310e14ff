import type { Knex } from 'knex'
import type { Image } from '../image-reference.ts'
import { type ComponentKey, keyRow } from './identity.ts'

export const rolloutStates = ['current', 'progressing', 'degraded', 'scaled-to-zero'] as const
export type RolloutState = (typeof rolloutStates)[number]

export interface LiveImage {
  image_tag: string
  /** Null as long as no node has pulled it. */
  image_sha: string | null
  /** All of its digests, where nodes of several architectures report others. */
  image_shas?: string[] | undefined
  /** Ready ones. */
  pods: number
}

/** How a container's rollout stands. */
export interface Rollout {
  state: RolloutState
  pods: number | null
  images: LiveImage[]
}

/** What a collection saw of one container. */
export interface SeenContainer extends ComponentKey, Rollout {
  /** Undefined when no pod tells what runs: then what ran last still counts. */
  image: Image | undefined
  /** Nothing of it is ready: it counts only where nothing is known to have run before. */
  tentative: boolean
}

export interface Differences {
  /** Indexes of what is new or runs something else. */
  changed: number[]
  /** Indexes of what runs the same, but whose rollout stands otherwise. */
  restated: { index: number; componentId: string }[]
  /** What collections have seen before and that is not there any more. */
  gone: { componentId: string; scopeId: number }[]
}

/**
 * Compares a reading with what is known, in one statement that looks at the present only: it costs the same however
 * long the history is.
 */
export async function findDifferences(
  trx: Knex.Transaction,
  scopeIds: number[],
  seen: SeenContainer[],
): Promise<Differences> {
  const input = seen.map((each, n) => ({
    ...keyRow(each, n),
    ...imageColumns(each.image),
    tentative: each.tentative,
    state: each.state,
    pods: each.pods,
    images: each.images,
  }))
  const { rows } = await trx.raw(
    `with input as (
       select * from json_to_recordset(?) as t (n int, scope_id int, api_group text, kind text, workload text, container text,
         image_repo text, image_name text, image_tag text, image_sha text, tentative boolean, state text, pods int,
         images jsonb)
     ), known as (
       select * from tracker_components where scope_id = any(?::int[]) and (interval_id is not null or collected)
     ), compared as (
       select i.n, c.id, c.scope_id,
         i.n is null and c.interval_id is not null and c.collected as gone,
         i.image_name is not null and not (i.tentative and c.interval_id is not null)
           and (c.id is null or not c.watched
             or (i.image_repo, i.image_name, i.image_tag) is distinct from (c.image_repo, c.image_name, c.image_tag)
             or i.image_sha is distinct from c.image_sha and i.image_sha is not null) as changed,
         i.n is not null and c.interval_id is not null
           and (not c.collected or (i.state, i.pods, i.images) is distinct from (c.state, c.pods, c.images)) as restated
       from input i full join known c
         on c.scope_id = i.scope_id and c.api_group = i.api_group and c.kind = i.kind and c.workload = i.workload
           and c.container = i.container
     )
     select n, id, scope_id, changed from compared where gone or changed or restated order by n, id`,
    [JSON.stringify(input), scopeIds],
  )
  const found = rows as { n: number | null; id: string; scope_id: number; changed: boolean }[]
  return {
    changed: found.flatMap(({ n, changed }) => (n !== null && changed ? [n] : [])),
    restated: found.flatMap(({ n, id, changed }) =>
      n !== null && !changed ? [{ index: n, componentId: id }] : [],
    ),
    gone: found.flatMap(({ n, id, scope_id }) =>
      n === null ? [{ componentId: id, scopeId: scope_id }] : [],
    ),
  }
}

/** What components run as far as is known, in order. */
export async function findOpenImages(
  trx: Knex.Transaction,
  keys: ComponentKey[],
): Promise<(Image | undefined)[]> {
  const { rows } = await trx.raw(
    `select i.n, c.image_repo, c.image_name, c.image_tag, c.image_sha
     from json_to_recordset(?) as i (n int, scope_id int, api_group text, kind text, workload text, container text)
     join tracker_components c using (scope_id, api_group, kind, workload, container) where c.interval_id is not null`,
    [JSON.stringify(keys.map(keyRow))],
  )
  const found: (Image | undefined)[] = keys.map(() => undefined)
  for (const row of rows) {
    found[row.n] = { repo: row.image_repo, name: row.image_name, tag: row.image_tag, sha: row.image_sha }
  }
  return found
}

export const imageColumns = (image: Image | undefined) => ({
  image_repo: image?.repo ?? null,
  image_name: image?.name ?? null,
  image_tag: image?.tag ?? null,
  image_sha: image?.sha ?? null,
})

/** A component whose history was written: what else is now true of it. */
export interface Refreshed {
  componentId: string
  /** True when a collection saw it, so that its last_seen goes with the namespace's; undefined leaves that as it is. */
  watched: boolean | undefined
  /** A collection found it there. */
  collected: boolean
  /** Undefined when it was not looked at: then it stays, unless another image runs now. */
  rollout: Rollout | undefined
  marked?: string | undefined
}

/** Copies open intervals to their components. */
export async function refreshComponents(trx: Knex.Transaction, all: Refreshed[], run: number): Promise<void> {
  if (all.length === 0) return
  const input = all.map(({ componentId, watched, collected, rollout, marked }) => ({
    id: componentId,
    watched: watched ?? null,
    collected,
    marked: marked ?? null,
    ...(rollout ?? { state: null, pods: null, images: [] }),
  }))
  await trx.raw(
    `update tracker_components c set
       interval_id = i.id, image_repo = i.image_repo, image_name = i.image_name, image_tag = i.image_tag,
       image_sha = i.image_sha, first_seen = i.first_seen, last_seen = i.last_seen,
       collected = c.collected or u.collected,
       watched = i.id is not null and coalesce(u.watched, c.interval_id = i.id and c.watched, false),
       state = case when i.id is null then null when u.state is not null then u.state
         when c.interval_id = i.id then c.state else 'current' end,
       pods = case when i.id is null then null when u.state is not null then u.pods
         when c.interval_id = i.id then c.pods end,
       images = case when i.id is null then '[]' when u.state is not null then u.images
         when c.interval_id = i.id then c.images else '[]' end,
       marked = coalesce(u.marked, c.marked),
       run = ?
     from json_to_recordset(?) as u (id bigint, watched boolean, collected boolean, state text, pods int,
       images jsonb, marked uuid)
     left join lateral (
       select * from tracker_intervals where component_id = u.id order by first_seen desc limit 1
     ) i on i.ended is null
     where c.id = u.id`,
    [run, JSON.stringify(input)],
  )
}

/** Marks components as named by a full push, which ends those that are not. */
export async function markComponents(
  trx: Knex.Transaction,
  place: { clientName: string; envName: string },
  about: { named: { namespace: string; kind: string; workload: string; container: string }[]; mark: string },
): Promise<void> {
  if (about.named.length === 0) return
  await trx.raw(
    `update tracker_components c set marked = ?
     from tracker_scopes s, json_to_recordset(?) as t (namespace text, kind text, workload text, container text)
     where s.id = c.scope_id and s.client_name = ? and s.env_name = ? and s.namespace = t.namespace
       and c.kind = t.kind and c.workload = t.workload and c.container = t.container`,
    [about.mark, JSON.stringify(about.named), place.clientName, place.envName],
  )
}

/** The components of scopes that collections have seen, that are open, and that a full push did not name. */
export async function findUnmarked(
  trx: Knex.Transaction,
  scopeIds: number[],
  mark: string,
): Promise<{ id: string; scopeId: number }[]> {
  const rows = await trx('tracker_components')
    .whereIn('scope_id', scopeIds)
    .where({ collected: true })
    .whereNotNull('interval_id')
    .whereRaw('marked is distinct from ?::uuid', [mark])
    .orderBy('id')
    .select('id', 'scope_id')
  return rows.map((row) => ({ id: row.id, scopeId: row.scope_id }))
}
