import type { Knex } from 'knex'
import { conflict, type FieldFault } from '../../../platform/errors.ts'
import { appendEvents } from '../../../platform/events/index.ts'
import { fieldFaults } from '../../../platform/http/index.ts'
import type { TrackerContext } from '../../context.ts'
import { type Recorded, recordSightings, removedEvent, type Sighting } from '../../history/record.ts'
import { acknowledgeRun, type Collector, lockCollector } from '../../store/collectors.ts'
import { refreshComponents } from '../../store/components.ts'
import { endAsRemoved } from '../../store/intervals.ts'
import { findUnmarked, markComponents } from '../../store/push/marks.ts'
import { collectedNamespaces, lockScopes, type Place, type Scope, touchScopes } from '../../store/scopes.ts'
import { type BatchBody, type BatchItem, batchItem, type ItemResult } from '../wire.ts'
import { noteResults, rejectedIn } from './rejections.ts'

export interface Received {
  /** The last run that the master has answered. The results show which of its items are stored. */
  acknowledged: number | null
  results: ItemResult[]
}

/** A slave's clock may be ahead by this much. Later times are rejected: they would hide everything observed until then. */
export const maxAheadMs = 5 * 60_000

/**
 * Receives one call of a push in one transaction. A repeated call changes only items that were rejected before. A gap is
 * refused with the number of the run to continue from. @throws STATE_001 with `acknowledged`
 */
export async function receiveBatch(
  trx: Knex.Transaction,
  context: TrackerContext,
  body: BatchBody,
): Promise<Received> {
  const place = { clientName: body.client_name, envName: body.env_name }
  const collector = await lockCollector(trx, body.collector_id, place)
  const known = samePlace(collector.place, place) ? collector.acknowledged : null
  const isRepeat = known?.sequence === body.sequence && known.runId === body.run_id
  // Rejected items are checked again: a slave that lost the response does not know which items they were.
  if (!isRepeat) refuseGap(body, known)
  const { good, results } = checked(body.items, context.now())
  const named = [
    ...good.map(({ item }) => item.namespace),
    ...body.namespaces.map(({ namespace }) => namespace),
  ]
  const gone =
    body.since === null && body.last && !isRepeat && body.all_namespaces
      ? await vanished(trx, place, body)
      : []
  const scopes = await lockScopes(trx, place, [...new Set([...named, ...gone])])
  const sightings = good.map(({ item }) => sightingOf(item, scopes, body))
  const full = body.since === null
  const recorded = await recordSightings(trx, sightings, { run: 0, place, quiet: full })
  for (const [n, { index }] of good.entries()) {
    const result = resultOf(index, recorded.results[n] as Recorded)
    results[index] = isRepeat && result.status === 'unchanged' ? { ...result, status: 'duplicate' } : result
  }
  await noteResults(trx, context, { place, items: body.items, results })
  // A component exists although its item could not be stored.
  if (full) await markComponents(trx, place, { named: rejectedIn(body.items, results), mark: body.run_id })
  const concludes = body.last && !isRepeat
  const removed = concludes ? await conclude(trx, { body, scopes, gone, now: context.now() }) : []
  if (concludes)
    await acknowledgeRun(trx, body.collector_id, { place, sequence: body.sequence, runId: body.run_id })
  await appendEvents(trx, [...recorded.events, ...removed.map((each) => removedEvent(each, place))])
  return { acknowledged: body.last ? body.sequence : (known?.sequence ?? null), results }
}

const samePlace = (a: Place, b: Place) => a.clientName === b.clientName && a.envName === b.envName

function refuseGap(body: BatchBody, known: Collector['acknowledged']): void {
  const follows = body.since === null || body.since === known?.sequence
  const late = known !== null && body.sequence <= known.sequence
  if (follows && !late) return
  throw conflict(
    'The push does not follow the last acknowledged run of this collector',
    { acknowledged: known?.sequence ?? null },
    {
      suggestedAction: 'Push the changes since the run in details.acknowledged, or everything if it is null',
    },
  )
}

/** Separates valid items from invalid ones, which get their results. */
function checked(items: unknown[], now: Date) {
  const good: { index: number; item: BatchItem }[] = []
  const results: ItemResult[] = []
  const latest = new Date(now.getTime() + maxAheadMs)
  for (const [index, raw] of items.entries()) {
    const parsed = batchItem.safeParse(raw)
    const faults = parsed.success ? timeFaults(parsed.data, latest) : fieldFaults(parsed.error, 'item')
    if (parsed.success && faults.length === 0) good.push({ index, item: parsed.data })
    else results[index] = { index, status: 'invalid', fields: faults }
  }
  return { good, results }
}

function timeFaults({ first_seen, last_seen }: BatchItem, latest: Date): FieldFault[] {
  if (last_seen < first_seen) return [{ path: 'last_seen', problem: 'is before first_seen' }]
  return last_seen > latest ? [{ path: 'last_seen', problem: 'is in the future' }] : []
}

/** Recorded namespaces that a collector of all namespaces does not list any more. */
async function vanished(trx: Knex.Transaction, place: Place, body: BatchBody): Promise<string[]> {
  const there = new Set(body.namespaces.map(({ namespace }) => namespace))
  return (await collectedNamespaces(trx, place)).filter((each) => !there.has(each))
}

function sightingOf(item: BatchItem, scopes: Map<string, Scope>, body: BatchBody): Sighting {
  const { ended } = item
  return {
    scopeId: (scopes.get(item.namespace) as Scope).id,
    namespace: item.namespace,
    group: item.workload_group,
    kind: item.workload_kind,
    workload: item.workload_name,
    container: item.container_name,
    image: { repo: item.image_repo, name: item.image_name, tag: item.image_tag, sha: item.image_sha },
    from: item.first_seen,
    to: item.last_seen,
    ending: ended ? { how: ended, at: item.ended_at ?? null } : undefined,
    watched: item.collected ? true : undefined,
    rollout: ended ? undefined : (item.rollout ?? undefined),
    marked: body.since === null && !ended ? body.run_id : undefined,
  }
}

function resultOf(index: number, recorded: Recorded): ItemResult {
  if (recorded.kind !== 'conflict') return { index, status: recorded.kind }
  const { id, image, firstSeen, lastSeen } = recorded.with
  const interval = {
    id,
    image_tag: image.tag,
    image_sha: image.sha,
    first_seen: firstSeen.toISOString(),
    last_seen: lastSeen.toISOString(),
  }
  return { index, status: 'conflict', interval }
}

/** Ends a push: updates the times of its namespaces. After a full push, components that it did not name are ended. */
async function conclude(
  trx: Knex.Transaction,
  {
    body,
    scopes,
    gone,
    now,
  }: {
    body: BatchBody
    scopes: Map<string, Scope>
    gone: string[]
    now: Date
  },
) {
  const latest = new Date(now.getTime() + maxAheadMs)
  const readings = [
    ...body.namespaces.map(({ namespace, last_seen }) => ({
      namespace,
      at: last_seen < latest ? last_seen : now,
    })),
    ...gone.map((namespace) => ({ namespace, at: now })),
  ].map(({ namespace, at }) => ({ scopeId: (scopes.get(namespace) as Scope).id, at }))
  const removed = []
  if (body.since === null) {
    const atOf = new Map(readings.map(({ scopeId, at }) => [scopeId, at]))
    const unnamed = await findUnmarked(trx, [...atOf.keys()], body.run_id)
    const ended = unnamed.map(({ id, scopeId }) => ({ componentId: id, at: atOf.get(scopeId) ?? now }))
    removed.push(...(await endAsRemoved(trx, ended, 0)))
    await refreshComponents(
      trx,
      removed.map(({ id }) => ({ componentId: id, collected: true, watched: false, rollout: undefined })),
      0,
    )
  }
  await touchScopes(trx, readings, 0)
  return removed
}
