import type { Knex } from 'knex'
import type { Environment } from '../platform/config/index.ts'
import type { Plan, PlanHead, WorkerModule } from './plan.ts'
import type { DeployOptions } from './schema.ts'
import { type DeploymentStatus, liveStatuses, type StepKey, stepKeys } from './states.ts'

/** The cloud's state of a script before this deployment changed anything. */
export interface Snapshot {
  scriptExists: boolean
  /** The version that had all traffic; undefined when none or a split had. */
  servingVersion: string | undefined
  migrationTag: string | undefined
  subdomainEnabled: boolean
  /** Host names of the plan that led to the script already. */
  hostnames?: string[]
}

export interface Deployment {
  id: string
  app: string
  environment: Environment
  status: DeploymentStatus
  options: DeployOptions
  snapshot: Snapshot | null
  versionId: string | null
  error: { code: string; message: string } | null
  startedBy: string
  correlationId: string | null
  createdAt: Date
  startedAt: Date | null
  finishedAt: Date | null
  digest: string
}

export interface Step {
  step: StepKey
  status: 'pending' | 'running' | 'completed' | 'failed'
  skipped: boolean
  attempt: number
  error: { code: string; message: string } | null
  startedAt: Date | null
  finishedAt: Date | null
}

export async function insertPlan(trx: Knex, plan: Plan): Promise<void> {
  await trx('plans').insert({
    id: plan.id,
    app: plan.app,
    environment: plan.environment,
    digest: plan.digest,
    config: JSON.stringify(plan.config),
    modules: JSON.stringify(plan.modules),
    secrets: JSON.stringify(plan.secrets),
    created_by: plan.createdBy,
    created_at: plan.createdAt,
    expires_at: plan.expiresAt,
  })
}

/** A plan without its code. */
export async function findPlan(db: Knex, id: string): Promise<PlanHead | undefined> {
  const head = ['app', 'environment', 'digest', 'config', 'secrets', 'created_by', 'created_at', 'expires_at']
  const row = await db('plans').where({ id }).first(head)
  if (row === undefined) return undefined
  const { app, environment, digest, config, secrets } = row
  const rest = { createdBy: row.created_by, createdAt: row.created_at, expiresAt: row.expires_at }
  return { id, app, environment, digest, config, secrets, ...rest }
}

export async function findModules(db: Knex, planId: string): Promise<WorkerModule[]> {
  return (await db('plans').where({ id: planId }).first('modules'))?.modules ?? []
}

/** Plans that expired a day ago and were never deployed. */
export async function prunePlans(db: Knex): Promise<number> {
  const { rowCount } = await db.raw(
    `delete from plans where id in (select p.id from plans p left join deployments d on d.id = p.id
       where d.id is null and p.expires_at < now() - interval '1 day' limit 100)`,
  )
  return rowCount
}

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
    started_by: row.startedBy,
    correlation_id: row.correlationId,
  })
  await trx('deployment_steps').insert(
    stepKeys.map((step, position) => ({ deployment_id: plan.id, position, step })),
  )
}

const columns = ['d.*', 'p.digest']

export async function findDeployment(db: Knex, id: string): Promise<Deployment | undefined> {
  const row = await db('deployments as d').join('plans as p', 'p.id', 'd.id').where('d.id', id).first(columns)
  return row === undefined ? undefined : toDeployment(row)
}

/** The deployment that holds an app and environment. */
export async function findLive(db: Knex, app: string, environment: Environment): Promise<string | undefined> {
  const live = db('deployments')
    .where({ app, environment })
    .whereIn('status', [...liveStatuses])
  return (await live.first('id'))?.id
}

export async function findSteps(db: Knex, deploymentId: string): Promise<Step[]> {
  const rows = await db('deployment_steps').where({ deployment_id: deploymentId }).orderBy('position')
  return rows.map((row) => ({
    step: row.step,
    status: row.status,
    skipped: row.skipped,
    attempt: row.attempt,
    error: row.error,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
  }))
}

export interface DeploymentChange {
  status?: DeploymentStatus
  snapshot?: Snapshot
  versionId?: string
  error?: { code: string; message: string }
  started?: boolean
  finished?: boolean
}

/** Changes a deployment; the database refuses a status that its present one can't lead to. */
export async function updateDeployment(trx: Knex, id: string, change: DeploymentChange): Promise<void> {
  const row: Record<string, unknown> = {}
  if (change.status !== undefined) row.status = change.status
  // The first snapshot is kept: a later run of the step would see its own deployment's changes.
  if (change.snapshot !== undefined) {
    row.snapshot = trx.raw('coalesce(snapshot, ?::jsonb)', [JSON.stringify(change.snapshot)])
  }
  if (change.versionId !== undefined) row.version_id = change.versionId
  if (change.error !== undefined) row.error = JSON.stringify(change.error)
  if (change.started) row.started_at = trx.raw('coalesce(started_at, now())')
  if (change.finished) row.finished_at = trx.fn.now()
  if (Object.keys(row).length > 0) await trx('deployments').where({ id }).update(row)
}

export async function startStep(
  trx: Knex,
  id: string,
  run: { step: StepKey; attempt: number },
): Promise<void> {
  await trx('deployment_steps')
    .where({ deployment_id: id, step: run.step })
    .update({
      status: 'running',
      attempt: run.attempt,
      error: null,
      started_at: trx.raw('coalesce(started_at, clock_timestamp())'),
      finished_at: null,
    })
}

export async function endStep(
  trx: Knex,
  id: string,
  end: {
    step: StepKey
    status: 'completed' | 'failed'
    skipped?: boolean
    error?: { code: string; message: string }
  },
): Promise<void> {
  await trx('deployment_steps')
    .where({ deployment_id: id, step: end.step })
    .update({
      status: end.status,
      skipped: end.skipped ?? false,
      error: end.error === undefined ? null : JSON.stringify(end.error),
      finished_at: trx.raw('clock_timestamp()'),
    })
}

/** Median seconds of each step's last hundred completed runs; steps that never ran are missing. */
export async function stepMedians(db: Knex): Promise<Map<StepKey, number>> {
  const { rows } = await db.raw(
    `select s.step, percentile_cont(0.5) within group (order by s.seconds) as median
     from unnest(?::text[]) as t (step) cross join lateral (
       select step, extract(epoch from finished_at - started_at) as seconds from deployment_steps
       where step = t.step and status = 'completed' and started_at is not null
       order by finished_at desc limit 100) s
     group by s.step`,
    [stepKeys],
  )
  return new Map(rows.map((row: { step: StepKey; median: number }) => [row.step, Number(row.median)]))
}

export interface DeploymentFilter {
  app?: string | undefined
  environment?: Environment | undefined
  status?: DeploymentStatus | undefined
  before?: { createdAt: string; id: string } | undefined
  limit: number
}

/** Newest first; `position` is the exact time of creation, for the cursor. */
export async function listDeployments(
  db: Knex,
  filter: DeploymentFilter,
): Promise<(Deployment & { position: string })[]> {
  const query = db('deployments as d').join('plans as p', 'p.id', 'd.id')
  query.select(columns)
  query.select(
    db.raw(`to_char(d.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as position`),
  )
  for (const key of ['app', 'environment', 'status'] as const) {
    if (filter[key] !== undefined) query.where(`d.${key}`, filter[key])
  }
  if (filter.before !== undefined) {
    const { createdAt, id } = filter.before
    query.whereRaw('(d.created_at, d.id) < (?::timestamptz, ?::uuid)', [createdAt, id])
  }
  const rows = await query.orderByRaw('d.created_at desc, d.id desc').limit(filter.limit)
  return rows.map((row) => ({ ...toDeployment(row), position: row.position }))
}

/** The newest deployment of each app and environment. */
export async function listApps(db: Knex): Promise<Deployment[]> {
  const { rows } = await db.raw(
    `select distinct on (d.app, d.environment) d.*, p.digest from deployments d join plans p on p.id = d.id
     order by d.app, d.environment, d.created_at desc limit 1000`,
  )
  return rows.map(toDeployment)
}

/** Deployments of a target that uploaded a version, newest first. `served`: that it was given the traffic. */
export async function listVersions(
  db: Knex,
  app: string,
  environment: Environment,
): Promise<(Deployment & { served: boolean })[]> {
  const rows = await db('deployments as d')
    .join('plans as p', 'p.id', 'd.id')
    .where({ 'd.app': app, 'd.environment': environment })
    .whereNotNull('d.version_id')
    .orderBy('d.created_at', 'desc')
    .limit(200)
    .select(columns)
    .select(
      db.raw(`exists (select from deployment_steps s where s.deployment_id = d.id
        and s.step = 'deploy_worker' and s.status = 'completed') as served`),
    )
  return rows.map((row) => ({ ...toDeployment(row), served: row.served }))
}

export async function hasDeployments(db: Knex, app: string, environment: Environment): Promise<boolean> {
  return (await db('deployments').where({ app, environment }).first('id')) !== undefined
}

export async function countLive(db: Knex): Promise<{ active: number; queued: number }> {
  const { rows } = await db.raw(
    `select count(*) filter (where status in ('in_progress', 'rolling_back')) as active,
       count(*) filter (where status = 'initiated') as queued
     from deployments where status in ('initiated', 'in_progress', 'rolling_back')`,
  )
  return { active: Number(rows[0].active), queued: Number(rows[0].queued) }
}

interface DeploymentRow extends Pick<Deployment, 'id' | 'app' | 'environment' | 'status' | 'options'> {
  snapshot: Snapshot | null
  version_id: string | null
  error: Deployment['error']
  started_by: string
  correlation_id: string | null
  created_at: Date
  started_at: Date | null
  finished_at: Date | null
  digest: string
}

function toDeployment(row: DeploymentRow): Deployment {
  const { id, app, environment, status, options, snapshot, error, digest } = row
  return {
    ...{ id, app, environment, status, options, snapshot, error, digest },
    versionId: row.version_id,
    startedBy: row.started_by,
    correlationId: row.correlation_id,
    createdAt: row.created_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
  }
}
