import type { TargetRow } from '../store/index.ts'

// Decisions over what was deployed to one target, newest first; see `listHistory`.

/** What our records say that a target serves: a version, nothing any more, or that they can't tell. */
export type Served = { version: string } | 'nothing' | 'unknown'

const undone = new Set(['rolled_back', 'rollback_failed', 'rolling_back'])

type Rolled = Pick<TargetRow, 'rollback' | 'versionId'>

/** Its rollback does not undo it, but makes its own version serve again in place of one that was made outside. */
export const restoresItself = ({ rollback, versionId }: Rolled): boolean =>
  versionId !== null && rollback?.targetVersion === versionId

const wasUndone = (row: TargetRow) => undone.has(row.status) && !restoresItself(row)

/** It completed, and nothing but a rollback to its own version was tried since. */
export const isGood = (row: TargetRow): boolean =>
  row.versionId !== null && (row.status === 'completed' || (undone.has(row.status) && restoresItself(row)))

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
  return verdict !== undefined && wasUndone(verdict) ? verdict : undefined
}

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
