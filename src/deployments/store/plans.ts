import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import type { Knex } from 'knex'
import type { Plan, PlanHead } from '../model/plan.ts'
import type { AssetFile } from '../model/request/assets.ts'
import { liveStatuses } from '../model/states.ts'
import type { StoredModule } from '../model/worker-module.ts'
import { findBlobSizes, linkBlobs, writeBlob } from './blobs.ts'

export async function insertPlan(trx: Knex, plan: Plan): Promise<void> {
  await storeCode(trx, plan)
  await trx('plans').insert({
    id: plan.id,
    app: plan.app,
    environment: plan.environment,
    digest: plan.digest,
    config: JSON.stringify(plan.config),
    modules: JSON.stringify(plan.modules),
    asset_files: plan.assetFiles === undefined ? null : JSON.stringify(plan.assetFiles),
    secrets: JSON.stringify(plan.secrets),
    pull_secret: plan.pullSecret,
    preview: JSON.stringify(plan.preview),
    basis: plan.basis && JSON.stringify(plan.basis),
    created_by: plan.createdBy,
    created_at: plan.createdAt,
    expires_at: plan.expiresAt,
  })
  const files = (plan.config.databases ?? []).flatMap((each) => each.files)
  const named = [...plan.modules, ...(plan.assetFiles ?? []), ...files]
  await linkBlobs(
    trx,
    plan.id,
    named.map(({ digest }) => digest),
  )
}

/** Stores code that a request contained. The order is fixed, so that two requests with the same code cannot deadlock. */
async function storeCode(trx: Knex, { code, createdBy }: Pick<Plan, 'code' | 'createdBy'>): Promise<void> {
  const blobs = new Map(code.map((bytes) => [createHash('sha256').update(bytes).digest('hex'), bytes]))
  const digests = [...blobs.keys()].toSorted()
  const present = await findBlobSizes(trx, digests)
  for (const digest of digests) {
    const bytes = blobs.get(digest)
    if (bytes === undefined || present.has(digest)) continue
    await writeBlob(trx, digest, { content: Readable.from([bytes]), limit: bytes.length, createdBy })
  }
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

/** The static files of a plan, sorted by path. */
export async function findAssetFiles(db: Knex, planId: string): Promise<AssetFile[]> {
  return (await db('plans').where({ id: planId }).first('asset_files'))?.asset_files ?? []
}

export async function findModules(db: Knex, planId: string): Promise<StoredModule[]> {
  return (await db('plans').where({ id: planId }).first('modules'))?.modules ?? []
}

/** Deletes the pull secret, which is not needed after the image was copied. */
export async function dropPullSecret(trx: Knex, planId: string): Promise<void> {
  await trx('plans').where({ id: planId }).whereNotNull('pull_secret').update({ pull_secret: null })
}

/**
 * Deletes plans that expired a day ago and were never deployed, with their finished dry runs, whose logs stay.
 * @returns the number of plans
 */
export async function prunePlans(db: Knex): Promise<number> {
  const { rowCount } = await db.raw(
    `with old as (
       select p.id from plans p left join deployments d on d.id = p.id
       where p.expires_at < now() - interval '1 day'
         and (d.id is null or d.dry_run and d.status <> all(?)) limit 100)
     , steps as (delete from deployment_steps where deployment_id in (select id from old))
     , runs as (delete from deployments where id in (select id from old))
     delete from plans where id in (select id from old)`,
    [[...liveStatuses]],
  )
  return rowCount
}
