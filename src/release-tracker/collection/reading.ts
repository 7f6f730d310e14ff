import type { Knex } from 'knex'
import { appendEvents } from '../../platform/events/index.ts'
import type { TrackerContext } from '../context.ts'
import { recordSightings, removedEvent, type Sighting } from '../history/record.ts'
import { asRun } from '../push/sending/runs.ts'
import {
  type ContainerReading,
  findDifferences,
  findOpenImages,
  refreshComponents,
} from '../store/components.ts'
import { correctFutureTimes } from '../store/future-times.ts'
import { endAsRemoved } from '../store/intervals.ts'
import { lockScopes, type Scope, touchScopes } from '../store/scopes.ts'
import type { readContainers } from './containers.ts'

/** The complete reading of one namespace. */
export interface NamespaceReading {
  namespace: string
  /** When the reading began. */
  at: Date
  containers: ReturnType<typeof readContainers>
}

export interface ReadingResult {
  /** Intervals that began or grew. */
  changed: number
  /** Components that are gone. */
  removed: number
}

/**
 * Records a reading of the cluster. If nothing has changed, this takes one statement that compares, and one that updates
 * the namespaces' `last_seen`.
 */
export function recordReading(
  trx: Knex.Transaction,
  context: TrackerContext,
  readings: NamespaceReading[],
): Promise<ReadingResult> {
  return asRun(trx, context, async (run) => {
    const place = { clientName: context.config.clientName, envName: context.config.envName }
    const scopes = await lockScopes(
      trx,
      place,
      readings.map(({ namespace }) => namespace),
    )
    await correctScopes(trx, context, { scopes, readings, run })
    const fresh = readings.flatMap((reading) => {
      const scope = scopes.get(reading.namespace)
      // Of two concurrent collections, the one that read later may have been recorded first.
      const late = scope === undefined || (scope.lastSeen !== null && scope.lastSeen >= reading.at)
      return late ? [] : [{ scope, reading }]
    })
    const containers = await settleArchitectures(trx, fresh.flatMap(containersOf))
    const ids = fresh.map(({ scope }) => scope.id)
    const { changed, restated, gone } = await findDifferences(trx, ids, containers)
    const atOf = new Map(fresh.map(({ scope, reading }) => [scope.id, reading.at]))
    const sightings = changed.map((index) => sightingOf(containers[index] as ContainerReading, atOf))
    const { results, events } = await recordSightings(trx, sightings, { run, place })
    await refreshComponents(
      trx,
      restated.map(({ index, componentId }) => {
        const rollout = rolloutOf(containers[index] as ContainerReading)
        return { componentId, collected: true, watched: undefined, rollout }
      }),
      run,
    )
    const removed = await endAsRemoved(
      trx,
      gone.map(({ componentId, scopeId }) => ({ componentId, at: atOf.get(scopeId) ?? new Date(0) })),
      run,
    )
    await refreshComponents(
      trx,
      removed.map(({ id }) => ({ componentId: id, collected: true, watched: false, rollout: undefined })),
      run,
    )
    const readAt = fresh.map(({ scope, reading }) => ({ scopeId: scope.id, at: reading.at }))
    await touchScopes(trx, readAt, run)
    await appendEvents(trx, [...events, ...removed.map((each) => removedEvent(each, place))])
    return { changed: results.filter(({ kind }) => kind === 'stored').length, removed: removed.length }
  })
}

/** Corrects scopes that were read in the future, by a clock that was ahead. They would accept no reading until then. */
async function correctScopes(
  trx: Knex.Transaction,
  context: TrackerContext,
  { scopes, readings, run }: { scopes: Map<string, Scope>; readings: NamespaceReading[]; run: number },
): Promise<void> {
  const latest = new Date(context.now().getTime() + 1000)
  const ahead = readings.flatMap(({ namespace, at }) => {
    const scope = scopes.get(namespace)
    return scope?.lastSeen && scope.lastSeen > latest ? [{ scope, at }] : []
  })
  if (ahead.length === 0) return
  const limit = new Date(Math.min(...ahead.map(({ at }) => at.getTime())) - 1)
  const scopeIds = ahead.map(({ scope }) => scope.id)
  const count = await correctFutureTimes(trx, { scopeIds, limit, run })
  for (const { scope } of ahead) scope.lastSeen = limit
  context.log.warn({ count }, 'Corrected releases with times in the future: a clock was ahead')
}

function containersOf({ scope, reading }: { scope: Scope; reading: NamespaceReading }): ContainerReading[] {
  return reading.containers.map((each) => ({ ...each, scopeId: scope.id, namespace: reading.namespace }))
}

/**
 * An image has one digest for each architecture of the nodes it runs on. Their order changes as pods move, so the
 * recorded digest is kept as long as it is among them.
 */
async function settleArchitectures(
  trx: Knex.Transaction,
  readings: ContainerReading[],
): Promise<ContainerReading[]> {
  const several = readings.filter(({ alternatives }) => alternatives.length > 1)
  if (several.length === 0) return readings
  const known = await findOpenImages(trx, several)
  const settled = new Map(
    several.map((each, index) => {
      const { image, alternatives } = each
      const before = known[index]
      const same = before !== undefined && image !== undefined && image.tag === before.tag
      const stays = same && image.repo === before.repo && image.name === before.name
      const sha = stays ? before.sha : null
      return [each, sha !== null && alternatives.includes(sha) ? withDigest(each, sha) : each]
    }),
  )
  return readings.map((each) => settled.get(each) ?? each)
}

function withDigest(reading: ContainerReading, sha: string): ContainerReading {
  const replaced = reading.image?.sha
  const images = reading.images.map((each) =>
    each.image_sha === replaced ? { ...each, image_sha: sha } : each,
  )
  return { ...reading, image: reading.image && { ...reading.image, sha }, images }
}

function sightingOf(reading: ContainerReading, atOf: Map<number, Date>): Sighting {
  const at = atOf.get(reading.scopeId) as Date
  const { scopeId, namespace, group, kind, workload, container } = reading
  const image = reading.image as NonNullable<ContainerReading['image']>
  return {
    ...{ scopeId, namespace, group, kind, workload, container, image },
    ...{ from: at, to: at, watched: true, rollout: rolloutOf(reading) },
  }
}

const rolloutOf = ({ state, pods, images }: ContainerReading) => ({ state, pods, images })
