import type { Knex } from 'knex'
import type { Environment } from '../config.ts'
import type { PlanHead } from '../model/plan.ts'
import { stepsOf } from '../model/plan-steps.ts'
import type { DeployOptions } from '../model/schema.ts'
import { type DeploymentStatus, liveStatuses } from '../model/states.ts'
import {
  type Deployment,
  type MigratedDatabase,
  type ProvidedResource,
  type Rollback,
  type Snapshot,
  type TrafficProgress,
  toDeployment,
} from './rows.ts'
import { insertSteps } from './steps.ts'

export async function insertDeployment(
  trx: Knex,
  row: { plan: PlanHead; options: DeployOptions; startedBy: string; correlationId: string },
): Promise<void> {
  const { plan } = row
  await trx('deployments').insert({
    id: plan.id,
    app: plan.app,
    environment: plan.environment,
    options: JSON.stringify(row.options),
    dry_run: row.options.dryRun,
    started_by: row.startedBy,
    correlation_id: row.correlationId,
  })
  await insertSteps(trx, plan.id, stepsOf(plan.config))
}

/** Deletes a dry run, so that its plan can be deployed. Its log stays. */
export async function removeDryRun(trx: Knex, id: string): Promise<void> {
  await trx('deployment_steps').where({ deployment_id: id }).delete()
  await trx('deployments').where({ id, dry_run: true }).delete()
}

const columns = ['d.*', 'p.digest']

export async function findDeployment(db: Knex, id: string): Promise<Deployment | undefined> {
  const row = await db('deployments as d')
    .join('plans as p', 'p.id', 'd.id')
    .where('d.id', id)
    .first([...columns, db.raw("p.config -> 'source' as source")])
  return row === undefined ? undefined : toDeployment(row)
}

/** Locks a deployment's row until the transaction ends. Lock order: the row of its job first. */
export async function lockDeployment(trx: Knex.Transaction, id: string): Promise<Deployment | undefined> {
  await trx('deployments').where({ id }).forUpdate().first('id')
  return findDeployment(trx, id)
}

/**
 * Serializes all changes of who holds an app and environment, until the transaction ends. Lock order: before any row.
 */
export async function lockTarget(trx: Knex.Transaction, app: string, environment: Environment) {
  await trx.raw(`select pg_advisory_xact_lock(hashtextextended(?, 7041003))`, [`${app}/${environment}`])
}

/** The app and environment of each deployment, in the order of the ids; an empty object for an unknown id. */
export async function namesOfDeployments(db: Knex, ids: string[]): Promise<Record<string, string>[]> {
  const rows: { id: string; app: string; environment: string }[] = await db('deployments')
    .whereIn('id', ids)
    .select('id', 'app', 'environment')
  const names = new Map(rows.map(({ id, app, environment }) => [id, { app, environment }]))
  return ids.map((id) => names.get(id) ?? {})
}

/** The id of the deployment that holds an app and environment. */
export async function findLive(db: Knex, app: string, environment: Environment): Promise<string | undefined> {
  const live = db('deployments')
    .where({ app, environment })
    .whereIn('status', [...liveStatuses])
  return (await live.first('id'))?.id
}

export interface DeploymentChange {
  status?: DeploymentStatus
  snapshot?: Snapshot
  versionId?: string
  migrationTag?: string | null
  image?: string
  /** Merged with those that were recorded before. */
  resources?: Record<string, ProvidedResource>
  /** Only the first state of each database is kept. */
  databases?: Record<string, MigratedDatabase>
  traffic?: TrafficProgress
  /** The app's public address; empty if it has none. */
  address?: string
  /** `now` marks an upload as in flight; null marks it as answered. */
  uploadSentAt?: 'now' | null
  rollback?: Rollback | null
  error?: { code: string; message: string } | null
  started?: boolean
  /** False if the deployment continues. */
  finished?: boolean
}

/** Updates a deployment. The database refuses invalid transitions between statuses. */
export async function updateDeployment(trx: Knex, id: string, change: DeploymentChange): Promise<void> {
  const row: Record<string, unknown> = {}
  if (change.status !== undefined) row.status = change.status
  // The first snapshot is kept, because a later attempt would see changes of this deployment.
  if (change.snapshot !== undefined) {
    row.snapshot = trx.raw('coalesce(snapshot, ?::jsonb)', [JSON.stringify(change.snapshot)])
  }
  if (change.versionId !== undefined) row.version_id = change.versionId
  if (change.migrationTag !== undefined) row.migration_tag = change.migrationTag
  if (change.image !== undefined) row.image = change.image
  if (change.resources !== undefined) {
    const added = JSON.stringify(change.resources)
    row.resources = trx.raw("coalesce(resources, '{}') || ?::jsonb", [added])
  }
  if (change.databases !== undefined) {
    row.databases = trx.raw("?::jsonb || coalesce(databases, '{}')", [JSON.stringify(change.databases)])
  }
  if (change.traffic !== undefined) row.traffic = JSON.stringify(change.traffic)
  if (change.address !== undefined) row.address = change.address
  if (change.uploadSentAt !== undefined) {
    row.upload_sent_at = change.uploadSentAt === null ? null : trx.raw('clock_timestamp()')
  }
  if (change.rollback !== undefined) row.rollback = change.rollback && JSON.stringify(change.rollback)
  if (change.error !== undefined) row.error = change.error === null ? null : JSON.stringify(change.error)
  if (change.started) row.started_at = trx.raw('coalesce(started_at, now())')
  if (change.finished !== undefined) row.finished_at = change.finished ? trx.fn.now() : null
  if (Object.keys(row).length > 0) await trx('deployments').where({ id }).update(row)
}
