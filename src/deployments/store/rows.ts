import type { Environment } from '../config.ts'
import type { ContainerSpec, TrafficShare, TriggerState } from '../model/app-state.ts'
import type { PlanConfig } from '../model/plan.ts'
import type { ProvisionedType } from '../model/request/bindings.ts'
import type { DeployOptions } from '../model/schema.ts'
import type { DeploymentStatus } from '../model/states.ts'

/** The cloud's state of a script before this deployment changed anything. */
export interface Snapshot {
  scriptExists: boolean
  /** The version that had all traffic; undefined if none or several had traffic. */
  servingVersion: string | undefined
  /** The traffic shares, if several versions served. */
  traffic?: TrafficShare[]
  migrationTag: string | undefined
  subdomainEnabled: boolean
  /** Absent in snapshots of older versions of Capstan. */
  previewsEnabled?: boolean
  /** The container of the plan's container class; null if it had none. */
  container?: ContainerSpec | null
  /** Host names of the plan that were already routed to the script. */
  hostnames?: string[]
  /** The settings of the script, by name. Absent in snapshots of older versions of Capstan. */
  settings?: Record<string, unknown>
  /** Absent for a plan without triggers. */
  triggers?: TriggerState
}

/** A rollback, requested by a user or started by a failed step. */
export interface Rollback {
  jobId: string
  byHand: boolean
  reason: string | null
  /** The version to restore; null for the state in the snapshot. */
  targetVersion: string | null
  /** The migration tag of the target version; without a target that of the snapshot. */
  migrationTag: string | null
  /** The version that serves since the rollback; null if the script was deleted. Absent before the end. */
  restored?: string | null
  /** True if several versions share the traffic since the rollback, as before the deployment. */
  shared?: boolean
}

/** A resource that a deployment found or created. */
export interface ProvidedResource {
  type: ProvisionedType
  name: string
  /** The value for the binding. */
  id: string
  created: boolean
}

/** A database before a deployment's migrations. */
export interface MigratedDatabase {
  id: string
  /** The state to which the database can be restored by hand. */
  bookmark: string
  table: string
  /** The migrations that had been applied. */
  before: string[]
}

/** The share of the traffic that a deployment has given to its version. */
export interface TrafficProgress {
  /** In percent. The deployment has set it, or is setting it. */
  percentage: number
  /** When the cloud accepted it; null until then. */
  since: string | null
  /** The result of the check at 0 %: `not_proven` if it is unknown which version answered. */
  check: 'running' | 'proven' | 'not_proven' | 'failed'
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
  /** The script's migration tag since this deployment's upload; null if there is none, or nothing was uploaded. */
  migrationTag: string | null
  /** The time of the last upload without an answer. */
  uploadSentAt: Date | null
  /** The container's image by digest. */
  image: string | null
  /** The resources that it found or created, by binding. */
  resources: Record<string, ProvidedResource> | null
  /** The databases that it began to migrate, by binding. */
  databases: Record<string, MigratedDatabase> | null
  /** Null before the version has been deployed at 0 %, and where that is impossible. */
  traffic: TrafficProgress | null
  error: { code: string; message: string; retryable?: boolean; suggestedAction?: string } | null
  startedBy: string
  correlationId: string | null
  createdAt: Date
  startedAt: Date | null
  finishedAt: Date | null
  digest: string
  /** The project that its plan was made from; absent in lists. */
  source?: PlanConfig['source']
}

export interface DeploymentRow extends Pick<Deployment, 'id' | 'app' | 'environment' | 'status' | 'options'> {
  snapshot: Snapshot | null
  version_id: string | null
  dry_run: boolean
  rollback: Rollback | null
  migration_tag: string | null
  upload_sent_at: Date | null
  image: string | null
  resources: Deployment['resources']
  databases: Deployment['databases']
  traffic: TrafficProgress | null
  error: Deployment['error']
  started_by: string
  correlation_id: string | null
  created_at: Date
  started_at: Date | null
  finished_at: Date | null
  digest: string
  source?: PlanConfig['source'] | null
}

export function toDeployment(row: DeploymentRow): Deployment {
  const {
    id,
    app,
    environment,
    status,
    options,
    snapshot,
    error,
    digest,
    rollback,
    image,
    resources,
    databases,
    traffic,
  } = row
  return {
    id,
    app,
    environment,
    status,
    options,
    snapshot,
    error,
    digest,
    rollback,
    image,
    resources,
    databases,
    traffic,
    versionId: row.version_id,
    dryRun: row.dry_run,
    migrationTag: row.migration_tag,
    uploadSentAt: row.upload_sent_at,
    startedBy: row.started_by,
    correlationId: row.correlation_id,
    createdAt: row.created_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    ...(row.source == null ? {} : { source: row.source }),
  }
}
