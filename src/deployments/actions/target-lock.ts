import type { Knex } from 'knex'
import type { Principal } from '../../platform/auth.ts'
import { type CodedError, conflict, notFound } from '../../platform/errors.ts'
import type { Enqueue, Job, JobActions } from '../../platform/jobs/index.ts'
import { isUniqueViolation } from '../../platform/postgres/db.ts'
import type { Secrets } from '../../platform/secrets.ts'
import type { Environment } from '../config.ts'
import type { GitHubRecords } from '../github/records.ts'
import type { Images } from '../images/images.ts'
import { deploymentStream } from '../log.ts'
import { requireEnvironment } from '../model/permission.ts'
import {
  type BlobQuota,
  type Deployment,
  findDeployment,
  findHold,
  findLive,
  listHistory,
  lockTarget,
  settlesIn,
  type TargetRow,
} from '../store/index.ts'
import type { Addresses } from '../targets/addresses.ts'
import type { Targets } from '../targets/targets.ts'

/** The services that the actions use. */
export interface ActionOptions {
  db: Knex
  secrets: Secrets
  targets: Targets
  images: Images
  enqueue: Enqueue
  records: GitHubRecords
  addresses: Addresses
  /** Limits the code that requests contain. */
  quota: BlobQuota
  /** A function because the jobs are created after these services, which their handlers use. */
  jobs: () => JobActions
}

/** @throws SYS_005, ACCESS_003 */
export async function requireDeployment(
  trx: Knex.Transaction,
  principal: Principal,
  id: string,
): Promise<Deployment> {
  const deployment = await findDeployment(trx, id)
  if (deployment === undefined) throw notFound('Deployment')
  requireEnvironment(principal, deployment.environment)
  return deployment
}

/** Locks the target. @throws STATE_001 naming the newest deployment if this is another one, or the holder of the target */
export async function lockNewest(
  trx: Knex.Transaction,
  { id, app, environment }: Deployment,
): Promise<TargetRow> {
  await lockTarget(trx, app, environment)
  if ((await findHold(trx, app, environment)) !== undefined) throw targetHeldError()
  if ((await findLive(trx, app, environment)) === undefined) await requireSettled(trx, app, environment)
  const [newest] = await listHistory(trx, app, environment)
  if (newest === undefined) throw conflict(`${app} was deleted from ${environment}`)
  if (newest.id !== id) {
    const message = `Only the newest deployment of ${app} to ${environment} can be changed`
    throw conflict(message, { deploymentId: newest.id })
  }
  return newest
}

/** Locks the open job of the deployment's step; undefined if it does not run. Repeats while one step follows another. */
export async function lockStepJob(
  options: ActionOptions,
  trx: Knex.Transaction,
  id: string,
): Promise<Job | undefined> {
  for (;;) {
    const job = await options.jobs().lockOpen(trx, { subject: deploymentStream(id), queue: 'deploy-step' })
    if (job !== undefined) return job
    const status = (await findDeployment(trx, id))?.status
    if (status !== 'initiated' && status !== 'in_progress') return undefined
  }
}

/**
 * Runs work that makes a deployment live, in a savepoint: a refusal by the unique index must not abort the transaction.
 * @throws STATE_001 if another deployment of the app is live
 */
export async function withTargetExclusive(
  trx: Knex.Transaction,
  { app, environment }: Pick<Deployment, 'app' | 'environment'>,
  work: (inner: Knex.Transaction) => Promise<void>,
): Promise<void> {
  try {
    await trx.transaction(work)
  } catch (error) {
    if (!isUniqueViolation(error, 'deployments_live')) throw error
    throw inProgress(app, environment, await findLive(trx, app, environment))
  }
}

export function inProgress(app: string, environment: Environment, holder: string | undefined): CodedError {
  return conflict(`A deployment of ${app} to ${environment} is in progress`, { deploymentId: holder })
}

export const targetHeldError = () =>
  conflict(
    'Another operation (delete or repair) holds this app; try again shortly',
    {},
    { suggestedAction: 'See GET /jobs?queue=rollback, then try again' },
  )

/** @throws STATE_001 while a delete request that timed out may still arrive: it would delete a new version, too */
export async function requireSettled(trx: Knex, app: string, environment: Environment): Promise<void> {
  const ms = await settlesIn(trx, { app, environment })
  if (ms === 0) return
  throw conflict(
    'A delete request for this app may still take effect at Cloudflare; wait until it has settled',
    {},
    { retryAfter: Math.ceil(ms / 1000), suggestedAction: 'Wait as long as Retry-After says, then try again' },
  )
}
