import type { Knex } from 'knex'
import type { Environment } from '../config.ts'
import type { ContainerSpec } from '../model/app-state.ts'
import type { DeploymentStatus } from '../model/states.ts'
import { type Deployment, toDeployment } from './rows.ts'

const columns = ['d.*', 'p.digest']

export interface DeploymentFilter {
  app?: string | undefined
  environment?: Environment | undefined
  status?: DeploymentStatus | undefined
  before?: { createdAt: string; id: string } | undefined
  limit: number
}

/** Deployments, newest first. `position` is the exact creation time for the cursor. */
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
     where not d.dry_run and d.removed_at is null order by d.app, d.environment, d.number desc limit 1000`,
  )
  return rows.map(toDeployment)
}

export async function hasDeployments(db: Knex, app: string, environment: Environment): Promise<boolean> {
  const row = await db('deployments')
    .where({ app, environment, dry_run: false, removed_at: null })
    .first('id')
  return row !== undefined
}

/** The address from the newest health check of a target; empty if the app had none. */
export async function findAddress(
  db: Knex,
  app: string,
  environment: Environment,
): Promise<string | undefined> {
  const row = await db('deployments')
    .where({ app, environment, removed_at: null })
    .whereNotNull('address')
    .orderBy('created_at', 'desc')
    .first('address')
  return row?.address
}

export async function countLive(db: Knex): Promise<{ active: number; queued: number }> {
  const { rows } = await db.raw(
    `select count(*) filter (where status in ('in_progress', 'rolling_back')) as active,
       count(*) filter (where status = 'initiated') as queued
     from deployments where status in ('initiated', 'in_progress', 'rolling_back')`,
  )
  return { active: Number(rows[0].active), queued: Number(rows[0].queued) }
}

export interface TargetRow extends Deployment {
  /** True if the deployment's version has served. */
  served: boolean
}

/** The last 200 deployments to a target since its last removal, newest first, without dry runs. */
export async function listHistory(db: Knex, app: string, environment: Environment): Promise<TargetRow[]> {
  const rows = await db('deployments as d')
    .join('plans as p', 'p.id', 'd.id')
    .where({ 'd.app': app, 'd.environment': environment, 'd.dry_run': false })
    .whereNull('d.removed_at')
    .orderBy('d.number', 'desc')
    .limit(200)
    .select(columns)
    .select(
      db.raw(`exists (select from deployment_steps s where s.deployment_id = d.id
        and s.step = 'deploy_worker' and s.status = 'completed') as served`),
    )
  return rows.map((row) => ({ ...toDeployment(row), served: row.served }))
}

/** The container of a version of the target; null if its plan had none. */
export async function findContainerOfVersion(
  db: Knex,
  { app, environment }: Pick<Deployment, 'app' | 'environment'>,
  versionId: string,
): Promise<ContainerSpec | null | 'unknown'> {
  const row = await db('deployments as d')
    .join('plans as p', 'p.id', 'd.id')
    .where({ 'd.app': app, 'd.environment': environment, 'd.version_id': versionId })
    .first('d.image', db.raw("p.config -> 'container' as container"))
  if (row === undefined) return 'unknown'
  if (row.container === null) return null
  const { instanceType, maxInstances } = row.container
  return row.image === null ? 'unknown' : { image: row.image, instanceType, maxInstances }
}

/** The Durable Object class of a version's container; undefined if the version has none, or is not Capstan's. */
export const findContainerClass = (db: Knex, target: VersionTarget, versionId: string) =>
  findPlanned(db, { target, versionId, path: '{container,className}' })

/** The SHA-256 of the list of a version's static files; undefined if it has none, or is not Capstan's. */
export const findAssetManifest = (db: Knex, target: VersionTarget, versionId: string) =>
  findPlanned(db, { target, versionId, path: '{assets,manifest}' })

type VersionTarget = Pick<Deployment, 'app' | 'environment'>

/** A text in the plan of a version, by its path in PostgreSQL's notation. */
async function findPlanned(
  db: Knex,
  { target, versionId, path }: { target: VersionTarget; versionId: string; path: string },
): Promise<string | undefined> {
  const { app, environment } = target
  const row = await db('deployments as d')
    .join('plans as p', 'p.id', 'd.id')
    .where({ 'd.app': app, 'd.environment': environment, 'd.version_id': versionId })
    .first(db.raw('p.config #>> ? as planned', [path]))
  return row?.planned ?? undefined
}

/** Marks all deployments to a target as removed, after the app was deleted. */
export async function markRemoved(trx: Knex, app: string, environment: Environment): Promise<void> {
  await trx('deployments').where({ app, environment, removed_at: null }).update({ removed_at: trx.fn.now() })
}
