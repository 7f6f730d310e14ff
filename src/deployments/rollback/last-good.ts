import { conflict } from '../../platform/errors.ts'
import { isGood, quarantineOf, servedBy } from '../model/history.ts'
import type { TargetRow } from '../store/index.ts'
import type { Serving } from './serving.ts'

/** The version that a rollback restores, and the migration tag at which it was uploaded. */
export interface RollbackTarget {
  /** Null without a single version: the Worker is removed, or several versions share the traffic as before. */
  version: string | null
  migrationTag: string | null
}

/**
 * The version that serves after the newest deployment is undone: the one that served before it or, if Capstan made that
 * one and it is not good, the newest good one.
 * @param serving the current state of the cloud; used if the deployment has no snapshot yet and so has changed nothing
 */
export function goalOfUndo(history: TargetRow[], serving?: Serving): RollbackTarget {
  const [newest, ...earlier] = history
  const snapshot = newest?.snapshot ?? null
  // The deployment created the Worker, so an earlier Worker of this name does not matter.
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

/** The single version that served before the newest deployment; null if none or several did. */
export function versionBefore([newest, ...earlier]: TargetRow[], serving?: Serving): string | null {
  const snapshot = newest?.snapshot ?? null
  if (snapshot === null && serving !== undefined) return serving.traffic[0]?.versionId ?? null
  const recorded = servedBy(earlier)
  return snapshot?.servingVersion ?? (typeof recorded === 'object' ? recorded.version : null)
}

/**
 * The version that replaces serving versions that are not good or were made outside Capstan: the one that Capstan
 * deployed last, or else its newest good version. The newest deployment's own version counts, too.
 * @throws STATE_001 if there is none
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
