import type { DeploymentStatus } from './states.ts'

// Decisions based on the deployments to one target, newest first; see `listHistory`.

/** What a target serves according to Capstan's records: a version, nothing since a removal, or unknown. */
export type Served = { version: string } | 'nothing' | 'unknown'

/** What the decisions need of a deployment. */
export interface HistoryEntry {
  id: string
  status: DeploymentStatus
  digest: string
  versionId: string | null
  /** The share of the traffic that the version was given. */
  traffic: { percentage: number } | null
  /** True if the version was given all traffic. */
  served: boolean
  migrationTag: string | null
  snapshot: { scriptExists: boolean; migrationTag?: string | null | undefined } | null
  rollback: { targetVersion: string | null; restored?: string | null | undefined; shared?: unknown } | null
}

const rollbackStatuses = new Set(['rolled_back', 'rollback_failed', 'rolling_back'])

type Rolled = Pick<HistoryEntry, 'rollback' | 'versionId'>

/** True if the rollback restores the deployment's own version in place of one that was made outside Capstan. */
export const restoresItself = ({ rollback, versionId }: Rolled): boolean =>
  versionId !== null && rollback?.targetVersion === versionId

const wasUndone = (row: HistoryEntry) => rollbackStatuses.has(row.status) && !restoresItself(row)

/** True if the deployment completed and was not rolled back since, except to its own version. */
export const isGood = (row: HistoryEntry): boolean =>
  row.versionId !== null &&
  (row.status === 'completed' || (rollbackStatuses.has(row.status) && restoresItself(row)))

export function servedBy(history: HistoryEntry[]): Served {
  for (const { status, rollback, served, versionId, traffic } of history) {
    if (rollbackStatuses.has(status)) {
      const { restored } = rollback ?? {}
      if (restored !== undefined) return restored === null ? 'nothing' : { version: restored }
      // The rollback may or may not have taken effect, or its traffic is shared between versions again.
      if (status !== 'rolled_back' || rollback?.shared) return 'unknown'
    } else if (served && versionId !== null) return { version: versionId }
    // It ended while it shared the traffic with the version before it.
    else if ((traffic?.percentage ?? 0) > 0) return 'unknown'
  }
  return 'unknown'
}

/** The last deployment of the same content, if it was rolled back; deploying the content again then needs `force`. */
export function quarantineOf<Entry extends HistoryEntry>(
  history: Entry[],
  digest: string,
): Entry | undefined {
  const verdict = history.find(
    (each) => each.digest === digest && (each.status === 'completed' || rollbackStatuses.has(each.status)),
  )
  return verdict !== undefined && wasUndone(verdict) ? verdict : undefined
}

/** The present migration tag of the script according to Capstan's records. */
export function currentTag(history: HistoryEntry[]): string | null {
  const [newest] = history
  const uploaded = history.find((each) => each.versionId !== null)
  if (newest !== undefined && newest.versionId === null && newest.snapshot !== null) {
    return newest.snapshot.migrationTag ?? null
  }
  return uploaded?.migrationTag ?? null
}

/** True if the upload changed the Durable Object classes of an existing script, which a rollback cannot undo. */
export function hasMigrated(deployment: Pick<HistoryEntry, 'migrationTag' | 'snapshot'>): boolean {
  const { migrationTag, snapshot } = deployment
  if (migrationTag === null || snapshot === null || !snapshot.scriptExists) return false
  return migrationTag !== (snapshot.migrationTag ?? null)
}

/** The migration tag of a deployment whose plan has no tags of its own. */
export const migrationTagOf = (deploymentId: string) => `capstan-${deploymentId}`
