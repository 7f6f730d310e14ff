import { conflict } from '../../platform/errors.ts'
import { isGood, quarantineOf, servedBy } from '../model/history.ts'
import type { TargetRow } from '../store/index.ts'
import type { Serving } from './serving.ts'

/** The version that a rollback makes serve, and the migration tag that it was uploaded at. */
export interface RollbackTarget {
  /** Null: no single version. The Worker is removed, or several versions share the traffic as before. */
  version: string | null
  migrationTag: string | null
}

/**
 * What serves after the newest deployment is undone: what served before it, unless that is a version of Capstan's that is
 * not good; then the newest good one.
 * @param serving what the cloud says now; counts for a deployment that has not looked yet, so has changed nothing.
 */
export function goalOfUndo(history: TargetRow[], serving?: Serving): RollbackTarget {
  const [newest, ...earlier] = history
  const snapshot = newest?.snapshot ?? null
  // It created the Worker: nothing was there before, whatever an earlier Worker of this name had.
  if (snapshot?.scriptExists === false) return { version: null, migrationTag: null }
  const tag = snapshot === null ? (serving?.migrationTag ?? null) : (snapshot.migrationTag ?? null)
  const shared = snapshot === null ? (serving?.traffic.length ?? 0) > 1 : snapshot.traffic !== undefined
  if (shared) return { version: null, migrationTag: tag }
  const candidate = versionBefore(history, serving)
  const maker = earlier.find((each) => each.versionId === candidate)
  if (candidate !== null && maker === undefined) return { version: candidate, migrationTag: tag }
  const good = maker !== undefined && isGood(maker) ? maker : earlier.find(isGood)
  if (good !== undefined) return { version: good.versionId, migrationTag: good.migrationTag }
  return { version: candidate, migrationTag: maker?.migrationTag ?? tag }
}

/** The one version that served before the newest deployment; null when none did, or several. */
export function versionBefore([newest, ...earlier]: TargetRow[], serving?: Serving): string | null {
  const snapshot = newest?.snapshot ?? null
  if (snapshot === null && serving !== undefined) return serving.traffic[0]?.versionId ?? null
  const recorded = servedBy(earlier)
  return snapshot?.servingVersion ?? (typeof recorded === 'object' ? recorded.version : null)
}

/**
 * Where to go from versions that are not good or were made outside Capstan: what Capstan made serve last, or else its
 * newest good version. The newest deployment's own version counts, too.
 * @throws STATE_001 when there is none
 */
export function goalFromOutside(history: TargetRow[], serving: Serving): RollbackTarget {
  const recorded = servedBy(history)
  const last = typeof recorded === 'object' ? recorded.version : undefined
  const usable = (each: TargetRow) => isGood(each) && quarantineOf(history, each.digest) === undefined
  const good = history.find((each) => each.versionId === last && usable(each)) ?? history.find(usable)
  if (good !== undefined) return { version: good.versionId, migrationTag: good.migrationTag }
  const isOwn = history.some(({ versionId }) => versionId === last)
  if (last !== undefined && !isOwn) return { version: last, migrationTag: serving.migrationTag }
  throw conflict('No version that Capstan deployed is good, so there is none to go back to: name a version')
}
