import type { Knex } from 'knex'
import type { Plan, PlanHead } from '../model/plan.ts'
import type { WorkerModule } from '../model/worker-module.ts'

export async function insertPlan(trx: Knex, plan: Plan): Promise<void> {
  await trx('plans').insert({
    id: plan.id,
    app: plan.app,
    environment: plan.environment,
    digest: plan.digest,
    config: JSON.stringify(plan.config),
    modules: JSON.stringify(plan.modules),
    secrets: JSON.stringify(plan.secrets),
    pull_secret: plan.pullSecret,
    preview: JSON.stringify(plan.preview),
    basis: plan.basis && JSON.stringify(plan.basis),
    created_by: plan.createdBy,
    created_at: plan.createdAt,
    expires_at: plan.expiresAt,
  })
}

/** A plan without its code. */
export async function findPlan(db: Knex, id: string): Promise<PlanHead | undefined> {
  const head = [
    ...['app', 'environment', 'digest', 'config', 'secrets', 'pull_secret', 'preview', 'basis'],
    ...['created_by', 'created_at', 'expires_at'],
  ]
  const row = await db('plans').where({ id }).first(head)
  if (row === undefined) return undefined
  const { app, environment, digest, config, secrets, preview, basis } = row
  const rest = {
    pullSecret: row.pull_secret,
    createdBy: row.created_by,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
  }
  return { id, app, environment, digest, config, secrets, preview, basis, ...rest }
}

export async function findModules(db: Knex, planId: string): Promise<WorkerModule[]> {
  return (await db('plans').where({ id: planId }).first('modules'))?.modules ?? []
}

/** Deletes the pull secret, which is not needed after the image was copied. */
export async function dropPullSecret(trx: Knex, planId: string): Promise<void> {
  await trx('plans').where({ id: planId }).whereNotNull('pull_secret').update({ pull_secret: null })
}

/** Deletes plans that expired a day ago and were never deployed. @returns the number of plans */
export async function prunePlans(db: Knex): Promise<number> {
  const { rowCount } = await db.raw(
    `delete from plans where id in (select p.id from plans p left join deployments d on d.id = p.id
       where d.id is null and p.expires_at < now() - interval '1 day' limit 100)`,
  )
  return rowCount
}
