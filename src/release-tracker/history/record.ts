import type { Knex } from 'knex'
import type { NewEvent } from '../../platform/events/index.ts'
import { groupField } from '../kinds.ts'
import { type Refreshed, type Rollout, refreshComponents } from '../store/components.ts'
import { type ComponentKey, ensureComponents } from '../store/identity.ts'
import { changeIntervals, findNeighbours, insertIntervals, type Removed } from '../store/intervals.ts'
import {
  type Change,
  type Interval,
  type Neighbours,
  type Observation,
  type Placement,
  place,
} from './placement.ts'

/** One observation of one component by a collection, a push or a person. */
export interface Sighting extends ComponentKey, Observation {
  namespace: string
  /** True if a collection sees the component. Only then may collections end it. */
  watched: boolean | undefined
  rollout: Rollout | undefined
  marked?: string | undefined
}

export type Recorded = { kind: 'stored' } | { kind: 'unchanged' } | { kind: 'conflict'; with: Interval }

export interface RecordOptions {
  /** The number of the slave's run; 0 if nothing is pushed from here. */
  run: number
  place: { clientName: string; envName: string }
  /** Creates no events for intervals that have ended, as in a full push. */
  quiet?: boolean
}

/**
 * Writes observations into the histories of their components. Observations of different components share statements;
 * several observations of one component are written in the given order. The caller holds the locks of the scopes.
 * @returns the result of each observation, in order, and the events to append at the end of the transaction
 */
export async function recordSightings(
  trx: Knex.Transaction,
  sightings: Sighting[],
  options: RecordOptions,
): Promise<{ results: Recorded[]; events: NewEvent[] }> {
  if (sightings.length === 0) return { results: [], events: [] }
  const ids = await ensureComponents(trx, sightings)
  const items = sightings.map((sighting, index) => ({ sighting, index, componentId: ids[index] ?? '' }))
  const results: Recorded[] = sightings.map(() => ({ kind: 'unchanged' }))
  const events: NewEvent[] = []
  for (const round of roundsOf(items)) {
    const neighbours = await findNeighbours(
      trx,
      round.map(({ componentId, sighting: { from, image } }) => ({ componentId, at: from, image })),
    )
    const placements = round.map(({ sighting }, n) => place(sighting, neighbours[n] as Neighbours))
    await writePlacements(
      trx,
      round.map(({ componentId }, n) => ({ componentId, placement: placements[n] as Placement })),
      options.run,
    )
    for (const [n, { sighting, index }] of round.entries()) {
      const placement = placements[n] as Placement
      results[index] = resultOf(placement)
      if (options.quiet && sighting.ending !== undefined) continue
      events.push(...eventsOf(sighting, placement, { replaced: neighbours[n]?.before, place: options.place }))
    }
  }
  await refreshComponents(trx, refreshedOf(items, results), options.run)
  return { results, events }
}

/** Groups items so that each round has at most one item of each component, in the given order. */
function roundsOf<T extends { componentId: string }>(items: T[]): T[][] {
  const rounds: T[][] = []
  const counts = new Map<string, number>()
  for (const item of items) {
    const n = counts.get(item.componentId) ?? 0
    counts.set(item.componentId, n + 1)
    rounds[n] ??= []
    rounds[n].push(item)
  }
  return rounds
}

async function writePlacements(
  trx: Knex.Transaction,
  placed: { componentId: string; placement: Placement }[],
  run: number,
): Promise<void> {
  const changes: { id: string; change: Change }[] = []
  const inserts: { componentId: string; interval: Omit<Interval, 'id'> }[] = []
  for (const { placement, componentId } of placed) {
    if (placement.kind === 'extend') changes.push({ id: placement.id, change: placement.change })
    if (placement.kind !== 'insert') continue
    if (placement.previous !== undefined) changes.push(placement.previous)
    inserts.push({ componentId, interval: placement.interval })
  }
  // Ends the previous interval first: two intervals of a component must never overlap.
  await changeIntervals(trx, changes, run)
  await insertIntervals(trx, inserts, run)
}

function resultOf(placement: Placement): Recorded {
  if (placement.kind === 'conflict') return placement
  return { kind: placement.kind === 'unchanged' ? 'unchanged' : 'stored' }
}

/** The last stored observation of each component decides. */
function refreshedOf(
  items: { sighting: Sighting; index: number; componentId: string }[],
  results: Recorded[],
): Refreshed[] {
  const byComponent = new Map<string, Refreshed>()
  for (const { sighting, index, componentId } of items) {
    if (results[index]?.kind === 'conflict') continue
    const { watched, rollout, marked } = sighting
    byComponent.set(componentId, { componentId, watched, collected: watched === true, rollout, marked })
  }
  return [...byComponent.values()]
}

export const releasesStream = (clientName: string) => `releases:${clientName}`

/** A new interval and a removal are events; an interval that grows is not. */
function eventsOf(
  sighting: Sighting,
  placement: Placement,
  { replaced: before, place }: { replaced: Interval | undefined; place: RecordOptions['place'] },
): NewEvent[] {
  if (placement.kind === 'extend' && placement.change.ended === 'removed') {
    const { tag, sha } = sighting.image
    const last_seen = placement.change.lastSeen ?? sighting.to
    return [
      removedEvent(
        { ...sighting, api_group: sighting.group ?? '', image_tag: tag, image_sha: sha, last_seen },
        place,
      ),
    ]
  }
  if (placement.kind !== 'insert') return []
  const { interval, previous } = placement
  const replaced = previous === undefined ? undefined : before
  const data = {
    client_name: place.clientName,
    env_name: place.envName,
    namespace: sighting.namespace,
    workload_kind: sighting.kind,
    ...groupField(sighting.group),
    workload_name: sighting.workload,
    container_name: sighting.container,
    image_repo: interval.image.repo,
    image_name: interval.image.name,
    image_tag: interval.image.tag,
    image_sha: interval.image.sha,
    first_seen: interval.firstSeen.toISOString(),
    previous: replaced && {
      image_tag: replaced.image.tag,
      image_sha: replaced.image.sha,
      ended: previous?.change.ended ?? null,
    },
  }
  return [{ stream: releasesStream(place.clientName), type: 'release', data }]
}

export function removedEvent(removed: Omit<Removed, 'id'>, place: RecordOptions['place']): NewEvent {
  return {
    stream: releasesStream(place.clientName),
    type: 'removed',
    data: {
      client_name: place.clientName,
      env_name: place.envName,
      namespace: removed.namespace,
      workload_kind: removed.kind,
      ...groupField(removed.api_group),
      workload_name: removed.workload,
      container_name: removed.container,
      image_tag: removed.image_tag,
      image_sha: removed.image_sha,
      last_seen: removed.last_seen.toISOString(),
    },
  }
}
