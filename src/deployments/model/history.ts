import type { TargetRow } from '../store/index.ts'

// Decisions over what was deployed to one target, newest first; see `listHistory`.

export interface VersionView {
  id: string
  deploymentId: string
  createdAt: Date
  state: 'serving' | 'previous' | 'rolled_back' | 'quarantined'
  digest: string
}

/** What our records say that a target serves: a version, nothing any more, or that they can't tell. */
export type Served = { version: string } | 'nothing' | 'unknown'

const undone = new Set(['rolled_back', 'rollback_failed', 'rolling_back'])

export function servedBy(history: TargetRow[]): Served {
  for (const { status, rollback, served, versionId } of history) {
    if (undone.has(status)) {
      const { restored } = rollback ?? {}
      if (restored !== undefined) return restored === null ? 'nothing' : { version: restored }
      // On its way back, perhaps there; or with its traffic shared as before, which no one version tells.
      if (status !== 'rolled_back' || rollback?.shared) return 'unknown'
    } else if (served && versionId !== null) return { version: versionId }
  }
  return 'unknown'
}

/** The deployment, if any, because of which this content is not deployed again without a word: it was rolled back. */
export function quarantineOf(history: TargetRow[], digest: string): TargetRow | undefined {
  const verdict = history.find(
    (each) => each.digest === digest && (each.status === 'completed' || undone.has(each.status)),
  )
  return verdict !== undefined && undone.has(verdict.status) ? verdict : undefined
}

export function versionsOf(history: TargetRow[]): VersionView[] {
  const served = servedBy(history)
  const state = ({ status, versionId, digest, served: hadTraffic }: TargetRow): VersionView['state'] => {
    if (typeof served === 'object' && served.version === versionId) return 'serving'
    if (quarantineOf(history, digest) !== undefined) return 'quarantined'
    return status === 'rolled_back' || !hadTraffic ? 'rolled_back' : 'previous'
  }
  return history.flatMap((each) =>
    each.versionId === null
      ? []
      : [
          {
            id: each.versionId,
            deploymentId: each.id,
            createdAt: each.createdAt,
            state: state(each),
            digest: each.digest,
          },
        ],
  )
}

/** Where a rollback goes to, and the migration tag that its version was uploaded at. */
export interface Goal {
  version: string | null
  migrationTag: string | null
}

/**
 * What is to serve after the newest deployment is undone: what served before it, unless that was a version of ours
 * that was no good either; then the last good one.
 */
export function lastGood(history: TargetRow[]): Goal {
  const [newest, ...earlier] = history
  const snapshotTag = newest?.snapshot?.migrationTag ?? null
  // Several shared the traffic: the snapshot says how.
  if (newest?.snapshot?.traffic !== undefined) return { version: null, migrationTag: snapshotTag }
  const known = newest?.snapshot?.servingVersion
  const before = servedBy(earlier)
  const candidate = known ?? (typeof before === 'object' ? before.version : null)
  const maker = earlier.find((each) => each.versionId === candidate)
  if (candidate !== null && maker === undefined) return { version: candidate, migrationTag: snapshotTag }
  const good = maker?.status === 'completed' ? maker : earlier.find(isGood)
  if (good !== undefined) return { version: good.versionId, migrationTag: good.migrationTag }
  return { version: candidate, migrationTag: maker?.migrationTag ?? snapshotTag }
}

const isGood = ({ status, versionId }: TargetRow) => status === 'completed' && versionId !== null

/** The migration tag that the script has now, by our records. */
export function currentTag(history: TargetRow[]): string | null {
  const [newest] = history
  const uploaded = history.find((each) => each.versionId !== null)
  if (newest !== undefined && newest.versionId === null && newest.snapshot !== null) {
    return newest.snapshot.migrationTag ?? null
  }
  return uploaded?.migrationTag ?? null
}

/** Its upload changed the Durable Object classes of a script that was there before: there is no way back over it. */
export function hasMigrated(deployment: Pick<TargetRow, 'id' | 'migrationTag' | 'snapshot'>): boolean {
  const { id, migrationTag, snapshot } = deployment
  return migrationTag === migrationTagOf(id) && snapshot?.scriptExists === true
}

/** The tag of the migration that a deployment carries. */
export const migrationTagOf = (deploymentId: string) => `capstan-${deploymentId}`
