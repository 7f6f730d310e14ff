import type { Knex } from 'knex'
import type { Environment } from '../config.ts'
import type { GitHubSource } from '../model/request/github-source.ts'
import type { DeploymentStatus } from '../model/states.ts'
import type { RecordState } from './repository.ts'

/** The data of a deployment for its report to GitHub. */
export interface Reportable {
  deploymentId: string
  app: string
  environment: Environment
  status: DeploymentStatus
  source: GitHubSource
  githubId: number | undefined
  reported: RecordState | undefined
  /** True if the health check has passed once. */
  succeeded: boolean
  /** True if a later deployment of the same app and environment has completed. */
  superseded: boolean
}

const columns = `d.id, d.app, d.environment, d.status, p.config -> 'github' as source, r.github_id, r.reported,
  exists (select from deployment_steps s where s.deployment_id = d.id and s.step = 'health_check'
    and s.status = 'completed' and not s.skipped) as succeeded,
  exists (select from deployments n where n.app = d.app and n.environment = d.environment
    and n.created_at > d.created_at and n.status = 'completed'
    and not n.dry_run) as superseded`

/** True if the deployment's plan names a commit. */
export async function isReportable(db: Knex, deploymentId: string): Promise<boolean> {
  const plan = db('plans').where({ id: deploymentId }).whereRaw("config -> 'github' is not null")
  return (await plan.first('id')) !== undefined
}

/** The deployment, and earlier ones whose report may change because of it. */
export async function findReportable(db: Knex, deploymentId: string): Promise<Reportable[]> {
  const { rows } = await db.raw(
    `select ${columns} from deployments d join plans p on p.id = d.id
       left join github_records r on r.deployment_id = d.id
     where d.id = :deploymentId and p.config -> 'github' is not null`,
    { deploymentId },
  )
  const [own] = rows
  if (own === undefined) return []
  const { rows: earlier } = await db.raw(
    `select ${columns} from deployments d join plans p on p.id = d.id
       join github_records r on r.deployment_id = d.id
     where d.app = :app and d.environment = :environment and d.id <> :deploymentId
       and r.reported in ('success', 'inactive')
       and d.number <= (select number from deployments where id = :deploymentId)
     order by d.number desc limit 5`,
    { app: own.app, environment: own.environment, deploymentId },
  )
  return [own, ...earlier].map(toReportable)
}

/** Stores the id of a record, or the state that was reported. */
export async function saveRecord(
  db: Knex,
  deploymentId: string,
  change: { githubId?: number; reported?: RecordState },
): Promise<void> {
  const row = {
    ...(change.githubId === undefined ? {} : { github_id: change.githubId }),
    ...(change.reported === undefined ? {} : { reported: change.reported }),
  }
  await db('github_records')
    .insert({ deployment_id: deploymentId, ...row })
    .onConflict('deployment_id')
    .merge({ ...row, updated_at: db.raw('clock_timestamp()') as never })
}

interface Row {
  id: string
  app: string
  environment: Environment
  status: DeploymentStatus
  source: GitHubSource
  github_id: string | null
  reported: RecordState | null
  succeeded: boolean
  superseded: boolean
}

function toReportable(row: Row): Reportable {
  return {
    deploymentId: row.id,
    app: row.app,
    environment: row.environment,
    status: row.status,
    source: row.source,
    githubId: row.github_id === null ? undefined : Number(row.github_id),
    reported: row.reported ?? undefined,
    succeeded: row.succeeded,
    superseded: row.superseded,
  }
}
