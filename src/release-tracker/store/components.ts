import type { Knex } from 'knex'
import type { Image } from '../image-reference.ts'
import { type ComponentKey, keyRow } from './identity.ts'

export const rolloutStates = ['current', 'progressing', 'degraded', 'scaled-to-zero'] as const
export type RolloutState = (typeof rolloutStates)[number]

export interface LiveImage {
  image_tag: string
  /** Null until a node has pulled it. */
  image_sha: string | null
  /** All of its digests, if nodes of several architectures report different ones. */
  image_shas?: string[] | undefined
  /** Ready pods. */
  pods: number
}

/** The state of a container's rollout. */
export interface Rollout {
  state: RolloutState
  pods: number | null
  images: LiveImage[]
}

/** One container of one workload, as a collection read it from the cluster. */
export interface ContainerReading extends ComponentKey, Rollout {
  namespace: string
  /** Undefined when no pod reports an image: then the last known image stays. */
  image: Image | undefined
  /** No pod is ready. Such an image is recorded only if no earlier one is known. */
  tentative: boolean
  /** Digests of the same image on nodes of other architectures. */
  alternatives: string[]
}

export interface Differences {
  /** Indexes of readings that are new or run another image. */
  changed: number[]
  /** Indexes of readings with the known image and another state of the rollout. */
  restated: { index: number; componentId: string }[]
  /** Components that earlier collections have seen and this one has not. */
  gone: { componentId: string; scopeId: number }[]
}

/**
 * Compares readings with the recorded components, in one statement. It reads current state only, so its cost does not
 * depend on the length of the history.
 */
export async function findDifferences(
  trx: Knex.Transaction,
  scopeIds: number[],
  readings: ContainerReading[],
): Promise<Differences> {
  const input = readings.map((each, n) => ({
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

/** Finds the current image of each component, in order; undefined if it has none. */
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

/** The changes to a component's row after its history was written. */
export interface Refreshed {
  componentId: string
  /** True if a collection saw it: its last_seen then follows the namespace's. Undefined leaves the value unchanged. */
  watched: boolean | undefined
  /** A collection has seen it. */
  collected: boolean
  /** Undefined if unknown: the recorded rollout stays, unless the image has changed. */
  rollout: Rollout | undefined
  marked?: string | undefined
}

/** Copies the open interval of each component into its row. */
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
