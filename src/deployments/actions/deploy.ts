import type { Knex } from 'knex'
import type { Principal } from '../../platform/auth.ts'
import { databaseTime } from '../../platform/clock.ts'
import { conflict, invalidBody, notFound } from '../../platform/errors.ts'
import type { Environment } from '../config.ts'
import { enqueueStep } from '../jobs/enqueue.ts'
import { quarantineOf } from '../model/history.ts'
import { requireEnvironment } from '../model/permission.ts'
import type { PlanHead } from '../model/plan.ts'
import type { DeployOptions } from '../model/schema.ts'
import { liveStatuses } from '../model/states.ts'
import { stale } from '../plans/current-state/index.ts'
import {
  findDeployment,
  findHold,
  findLive,
  findPlan,
  insertDeployment,
  listHistory,
  lockTarget,
  removeDryRun,
} from '../store/index.ts'
import {
  type ActionOptions,
  inProgress,
  requireSettled,
  targetHeldError,
  withTargetExclusive,
} from './target-lock.ts'

export interface DeployRequest {
  deploymentId: string
  environment: Environment
  options: DeployOptions
  correlationId: string
  /** The changes since the plan was made, as sentences; any change makes the plan stale. */
  changed: string[]
}

/**
 * Starts the deployment of a plan, or finds the one that was started.
 * @returns the id of the first job; undefined if the deployment exists
 * @throws SYS_005, ACCESS_003, REQ_002, STATE_001 (409) with the reason
 */
export async function startDeployment(
  { enqueue }: Pick<ActionOptions, 'enqueue'>,
  trx: Knex.Transaction,
  { principal, request }: { principal: Principal; request: DeployRequest },
): Promise<{ jobId: string | undefined }> {
  const { deploymentId, environment, options: chosen, correlationId } = request
  const plan = await findPlan(trx, deploymentId)
  if (plan === undefined) throw notFound('Plan')
  requireEnvironment(principal, plan.environment)
  if (plan.environment !== environment) {
    const fields = [{ path: 'environment', problem: `the plan was made for ${plan.environment}` }]
    throw invalidBody(fields)
  }
  await lockTarget(trx, plan.app, environment)
  if (await hasDeployment(trx, deploymentId, chosen)) return { jobId: undefined }
  await refuseStart(trx, plan, chosen)
  if (request.changed.length > 0) throw stale(request.changed)
  const row = { plan, options: chosen, startedBy: principal.id, correlationId }
  await withTargetExclusive(trx, plan, async (inner) => {
    await removeDryRun(inner, deploymentId)
    await insertDeployment(inner, row)
  })
  const deployment = { id: deploymentId, options: chosen, startedBy: principal.id, correlationId }
  return { jobId: await enqueueStep(enqueue, trx, { deployment, step: 'validate_config' }) }
}

/** True if the plan already has a deployment. A finished dry run does not count. */
async function hasDeployment(trx: Knex.Transaction, id: string, { dryRun }: DeployOptions): Promise<boolean> {
  const found = await findDeployment(trx, id)
  if (found === undefined) return false
  if (!found.dryRun || dryRun) return true
  if (!liveStatuses.includes(found.status)) return false
  throw conflict('A dry run of this plan is in progress', { deploymentId: id })
}

/** @throws STATE_001 if the traffic is to be raised in steps and the plan does not allow that */
function requireGradual({ preview }: PlanHead, { traffic }: DeployOptions): void {
  const { possible, reason } = preview.checkBeforeTraffic ?? {
    possible: false,
    reason: 'the plan is too old',
  }
  if (traffic === undefined || possible) return
  throw conflict(`The traffic of this plan cannot be raised in steps: ${reason}`, { reason })
}

/** @throws STATE_001 if the plan cannot be started now, or needs `force` */
async function refuseStart(trx: Knex.Transaction, plan: PlanHead, options: DeployOptions): Promise<void> {
  if (plan.expiresAt < (await databaseTime(trx))) throw conflict('The plan has expired; prepare again')
  if ((await findHold(trx, plan.app, plan.environment)) !== undefined) throw targetHeldError()
  const live = await findLive(trx, plan.app, plan.environment)
  if (live !== undefined) throw inProgress(plan.app, plan.environment, live)
  await requireSettled(trx, plan.app, plan.environment)
  requireGradual(plan, options)
  if (options.force || options.dryRun) return
  const verdict = quarantineOf(await listHistory(trx, plan.app, plan.environment), plan.digest)
  if (verdict === undefined) return
  const suggestedAction = 'Change what is deployed, or send options.force: true'
  const message = 'This content was rolled back before: deploying it again needs options.force: true'
  throw conflict(message, { deploymentId: verdict.id }, { suggestedAction })
}
