import type { ContainerSpec } from '../cloudflare/containers-api.ts'
import type { TrafficShare } from '../cloudflare/workers-api.ts'
import type { Environment } from '../config.ts'
import type { DeployOptions } from '../model/schema.ts'
import type { DeploymentStatus } from '../model/states.ts'

/** The cloud's state of a script before this deployment changed anything. */
export interface Snapshot {
  scriptExists: boolean
  /** The version that had all traffic; undefined when none or a split had. */
  servingVersion: string | undefined
  /** How several versions shared it. */
  traffic?: TrafficShare[]
  migrationTag: string | undefined
  subdomainEnabled: boolean
  /** Absent where an older version of Capstan took the snapshot. */
  previewsEnabled?: boolean
  /** What the class of the plan's container ran; null when nothing did. */
  container?: ContainerSpec | null
  /** Host names of the plan that led to the script already. */
  hostnames?: string[]
}

/** A rollback: asked for by hand, or begun by a step that failed. */
export interface Rollback {
  jobId: string
  byHand: boolean
  reason: string | null
  /** The version to serve again; null is what the snapshot says. */
  targetVersion: string | null
  /** The migration tag that the target was uploaded at; without a target the snapshot's. */
  migrationTag: string | null
  /** What serves since it was done; null when the script is gone. Absent until then. */
  restored?: string | null
  /** Several versions share the traffic since, as before. */
  shared?: boolean
}

export interface Deployment {
  id: string
  app: string
  environment: Environment
  status: DeploymentStatus
  options: DeployOptions
  snapshot: Snapshot | null
  versionId: string | null
  dryRun: boolean
  rollback: Rollback | null
  /** Of the script, since this deployment's upload; null when there is none, or nothing was uploaded. */
  migrationTag: string | null
  /** When the upload was sent whose answer is awaited, or was lost. */
  uploadSentAt: Date | null
  /** What its container runs, by digest. */
  image: string | null
  error: { code: string; message: string; retryable?: boolean; suggestedAction?: string } | null
  startedBy: string
  correlationId: string | null
  createdAt: Date
  startedAt: Date | null
  finishedAt: Date | null
  digest: string
}

export interface DeploymentRow extends Pick<Deployment, 'id' | 'app' | 'environment' | 'status' | 'options'> {
  snapshot: Snapshot | null
  version_id: string | null
  dry_run: boolean
  rollback: Rollback | null
  migration_tag: string | null
  upload_sent_at: Date | null
  image: string | null
  error: Deployment['error']
  started_by: string
  correlation_id: string | null
  created_at: Date
  started_at: Date | null
  finished_at: Date | null
  digest: string
}

export function toDeployment(row: DeploymentRow): Deployment {
  const { id, app, environment, status, options, snapshot, error, digest, rollback, image } = row
  return {
    ...{ id, app, environment, status, options, snapshot, error, digest, rollback, image },
    versionId: row.version_id,
    dryRun: row.dry_run,
    migrationTag: row.migration_tag,
    uploadSentAt: row.upload_sent_at,
    startedBy: row.started_by,
    correlationId: row.correlation_id,
    createdAt: row.created_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
  }
}
