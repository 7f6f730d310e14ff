import type { Knex } from 'knex'
import { appendEvents } from '../../platform/events/index.ts'
import type { TrackerContext } from '../context.ts'
import { recordSightings, removedEvent, type Sighting } from '../history/record.ts'
import { asRun } from '../push/sending/runs.ts'
import {
  findDifferences,
  findOpenImages,
  refreshComponents,
  type SeenContainer,
} from '../store/components.ts'
import { correctFutureTimes } from '../store/future-times.ts'
import { endAsRemoved } from '../store/intervals.ts'
import { lockScopes, type Scope, touchScopes } from '../store/scopes.ts'
import type { ContainerReading } from './containers.ts'

/** A namespace that was read completely. */
export interface NamespaceReading {
  namespace: string
  /** When its reading began. */
  at: Date
  containers: ContainerReading[]
}

export interface ReadingResult {
  /** Intervals begun or lengthened; components removed. */
  changed: number
  removed: number
}

/**
 * Makes a reading of the cluster true. Where nothing changed this is one statement that compares, and one that
 * moves the namespaces' `last_seen`.
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
      // Of two collections at once, the one that read later may have been written first.
      const late = scope === undefined || (scope.lastSeen !== null && scope.lastSeen >= reading.at)
      return late ? [] : [{ scope, reading }]
    })
    const seen = await settleArchitectures(trx, fresh.flatMap(seenIn))
    const ids = fresh.map(({ scope }) => scope.id)
    const { changed, restated, gone } = await findDifferences(trx, ids, seen)
    const atOf = new Map(fresh.map(({ scope, reading }) => [scope.id, reading.at]))
    const sightings = changed.map((index) => sightingOf(seen[index] as Seen, atOf))
    const { results, events } = await recordSightings(trx, sightings, { run, place })
    await refreshComponents(
      trx,
      restated.map(({ index, componentId }) => {
        const rollout = seen[index] as Seen
        return { componentId, collected: true, watched: undefined, rollout: rolloutOf(rollout) }
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

/** Scopes that were read later than now: by a clock that was ahead. They would take no reading until that time. */
async function correctScopes(
  trx: Knex.Transaction,
  context: TrackerContext,
  about: { scopes: Map<string, Scope>; readings: NamespaceReading[]; run: number },
): Promise<void> {
  const { scopes, readings, run } = about
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
  context.log.warn({ count }, 'corrected releases that were recorded in the future: a clock was ahead')
}

interface Seen extends SeenContainer {
  namespace: string
  alternatives: string[]
}

function seenIn({ scope, reading }: { scope: Scope; reading: NamespaceReading }): Seen[] {
  return reading.containers.map((each) => ({ ...each, scopeId: scope.id, namespace: reading.namespace }))
}

/**
 * One image has a digest for each architecture of the nodes it runs on. Which one is named first changes as pods move;
 * the one that is known stays, as long as it is among them.
 */
async function settleArchitectures(trx: Knex.Transaction, seen: Seen[]): Promise<Seen[]> {
  const several = seen.filter(({ alternatives }) => alternatives.length > 1)
  if (several.length === 0) return seen
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
  return seen.map((each) => settled.get(each) ?? each)
}

function withDigest(seen: Seen, sha: string): Seen {
  const was = seen.image?.sha
  const images = seen.images.map((each) => (each.image_sha === was ? { ...each, image_sha: sha } : each))
  return { ...seen, image: seen.image && { ...seen.image, sha }, images }
}

function sightingOf(seen: Seen, atOf: Map<number, Date>): Sighting {
  const at = atOf.get(seen.scopeId) as Date
  const { scopeId, namespace, group, kind, workload, container } = seen
  const image = seen.image as NonNullable<Seen['image']>
  return {
    ...{ scopeId, namespace, group, kind, workload, container, image },
    ...{ from: at, to: at, watched: true, rollout: rolloutOf(seen) },
  }
}

const rolloutOf = ({ state, pods, images }: Seen) => ({ state, pods, images })
