import type { Knex } from 'knex'
import type { Principal } from '../../platform/auth.ts'
import { type CodedError, conflict, notFound } from '../../platform/errors.ts'
import type { Enqueue, Job, JobVerbs } from '../../platform/jobs/index.ts'
import { isUniqueViolation } from '../../platform/postgres/db.ts'
import type { Secrets } from '../../platform/secrets.ts'
import type { Environment } from '../config.ts'
import { deploymentStream } from '../log.ts'
import { requireEnvironment } from '../model/permission.ts'
import {
  type Deployment,
  findDeployment,
  findHold,
  findLive,
  listHistory,
  lockTarget,
  settlesIn,
  type TargetRow,
} from '../store/index.ts'
import type { Targets } from '../targets/targets.ts'

export interface VerbOptions {
  db: Knex
  targets: Targets
  secrets: Secrets
  enqueue: Enqueue
  jobs: () => JobVerbs
}

/** @throws SYS_005, ACCESS_003 */
export async function owned(trx: Knex.Transaction, principal: Principal, id: string): Promise<Deployment> {
  const deployment = await findDeployment(trx, id)
  if (deployment === undefined) throw notFound('Deployment')
  requireEnvironment(principal, deployment.environment)
  return deployment
}

/** Locks the target. @throws STATE_001 naming the newest deployment when this is not it, or what holds the target. */
export async function newestOf(
  trx: Knex.Transaction,
  { id, app, environment }: Deployment,
): Promise<TargetRow> {
  await lockTarget(trx, app, environment)
  if ((await findHold(trx, app, environment)) !== undefined) throw held()
  if ((await findLive(trx, app, environment)) === undefined) await requireSettled(trx, app, environment)
  const [newest] = await listHistory(trx, app, environment)
  if (newest === undefined) throw conflict(`${app} was deleted from ${environment}`)
  if (newest.id !== id) {
    const message = `Only the newest deployment of ${app} to ${environment} can be changed`
    throw conflict(message, { deploymentId: newest.id })
  }
  return newest
}

/** The open job of a step, locked; undefined when the deployment does not run. Steps may follow one another meanwhile. */
export async function lockStepJob(
  options: VerbOptions,
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

/** Makes it live; a savepoint, since a refusal by the database must not spoil the transaction. */
export async function alone(
  trx: Knex.Transaction,
  { app, environment }: Deployment,
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

export const held = () =>
  conflict(
    'The app is being deleted, or put right; it is free again soon',
    {},
    { suggestedAction: 'See GET /jobs?queue=rollback, then try again' },
  )

/** @throws STATE_001 while a removal that was given up may still arrive: it would take what is new with it. */
export async function requireSettled(trx: Knex, app: string, environment: Environment): Promise<void> {
  const ms = await settlesIn(trx, { app, environment })
  if (ms === 0) return
  throw conflict(
    'Something of the app was to be removed, and that may still arrive',
    {},
    { retryAfter: Math.ceil(ms / 1000), suggestedAction: 'Wait as long as Retry-After says, then try again' },
  )
}
