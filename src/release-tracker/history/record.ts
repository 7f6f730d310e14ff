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

/** One observation of one component, by a collection, a push or a person. */
export interface Sighting extends ComponentKey, Observation {
  namespace: string
  /** True when a collection sees the component, so that it may end it, too. */
  watched: boolean | undefined
  rollout: Rollout | undefined
  marked?: string | undefined
}

export type Recorded = { kind: 'stored' } | { kind: 'unchanged' } | { kind: 'conflict'; with: Interval }

export interface RecordOptions {
  /** The number of the run that this belongs to; 0 where nothing is pushed on. */
  run: number
  place: { clientName: string; envName: string }
  /** Histories that are long over are told without an event each. */
  quiet?: boolean
}

/**
 * Writes observations into the histories of their components. Set-based: what concerns different components travels
 * together; several observations of one component are taken in the order given. The caller holds the scopes' locks.
 * @returns what became of each, in order, and the events to append last.
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
    const asked = round.map(({ componentId, sighting: { from, image } }) => ({
      componentId,
      at: from,
      image,
    }))
    const around = await findNeighbours(trx, asked)
    const placed = round.map((item, n) => {
      const neighbours = around[n] as Neighbours
      return { ...item, neighbours, placement: place(item.sighting, neighbours) }
    })
    await write(trx, placed, options.run)
    for (const each of placed) {
      results[each.index] = resultOf(each.placement)
      if (!(options.quiet && each.sighting.ending !== undefined))
        events.push(...eventsOf(each, options.place))
    }
  }
  await refreshComponents(trx, refreshedOf(items, results), options.run)
  return { results, events }
}

interface Item {
  sighting: Sighting
  index: number
  componentId: string
}

interface Placed extends Item {
  neighbours: Neighbours
  placement: Placement
}

/** The first observation of every component, then the second of each that has one, and so on. */
function roundsOf(items: Item[]): Item[][] {
  const rounds: Item[][] = []
  const counts = new Map<string, number>()
  for (const item of items) {
    const n = counts.get(item.componentId) ?? 0
    counts.set(item.componentId, n + 1)
    rounds[n] ??= []
    rounds[n].push(item)
  }
  return rounds
}

async function write(trx: Knex.Transaction, placed: Placed[], run: number): Promise<void> {
  const changes: { id: string; change: Change }[] = []
  const inserts: { componentId: string; interval: Omit<Interval, 'id'> }[] = []
  for (const { placement, componentId } of placed) {
    if (placement.kind === 'extend') changes.push({ id: placement.id, change: placement.change })
    if (placement.kind !== 'insert') continue
    if (placement.previous !== undefined) changes.push(placement.previous)
    inserts.push({ componentId, interval: placement.interval })
  }
  // What gives way first: the two may not overlap for a moment.
  await changeIntervals(trx, changes, run)
  await insertIntervals(trx, inserts, run)
}

function resultOf(placement: Placement): Recorded {
  if (placement.kind === 'conflict') return placement
  return { kind: placement.kind === 'unchanged' ? 'unchanged' : 'stored' }
}

/** The last word on each component: a conflicting observation has none. */
function refreshedOf(items: Item[], results: Recorded[]): Refreshed[] {
  const byComponent = new Map<string, Refreshed>()
  for (const { sighting, index, componentId } of items) {
    if (results[index]?.kind === 'conflict') continue
    const { watched, rollout, marked } = sighting
    byComponent.set(componentId, { componentId, watched, collected: watched === true, rollout, marked })
  }
  return [...byComponent.values()]
}

export const releasesStream = (clientName: string) => `releases:${clientName}`

/** A new interval is news, and that one was removed; a longer one is not. */
function eventsOf({ sighting, placement, neighbours }: Placed, place: RecordOptions['place']): NewEvent[] {
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
  const replaced = previous === undefined ? undefined : neighbours.before
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
