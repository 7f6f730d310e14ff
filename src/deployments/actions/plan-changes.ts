import type { Knex } from 'knex'
import type { Principal } from '../../platform/auth.ts'
import { databaseTime } from '../../platform/clock.ts'
import { requireEnvironment } from '../model/permission.ts'
import type { PlanHead } from '../model/plan.ts'
import { changesSincePlan, readState } from '../plans/current-state/index.ts'
import { cloudReadTimeoutMs } from '../rollback/serving.ts'
import { findDeployment, findPlan } from '../store/index.ts'
import type { Targets } from '../targets/targets.ts'
import type { ActionOptions } from './target-lock.ts'

/**
 * The changes of an app since a plan was made, as sentences. Reads the cloud, so call it before a transaction; if the
 * cloud does not answer, the list is empty and the steps check again.
 */
export async function changesOfPlan(
  { db, targets }: ActionOptions,
  planId: string,
  principal: Principal,
): Promise<string[]> {
  const plan = await findPlan(db, planId)
  if (plan === undefined || plan.expiresAt < (await databaseTime(db))) return []
  requireEnvironment(principal, plan.environment)
  const deployment = await findDeployment(db, planId)
  // The plan already has a deployment, which is returned; the changes are its own.
  if (deployment !== undefined && !deployment.dryRun) return []
  if (plan.basis === null) return ['the plan is from an older version of Capstan']
  return readChanges(db, targets, plan)
}

/** The changes; empty if the cloud does not answer, because the steps wait for it and check again. */
async function readChanges(db: Knex, targets: Targets, plan: PlanHead): Promise<string[]> {
  try {
    const signal = AbortSignal.timeout(cloudReadTimeoutMs)
    const target = await targets.of(plan.environment)
    const current = await readState({ target, config: plan.config, versions: false, signal })
    const recordOf = (id: string) => findDeployment(db, id)
    return await changesSincePlan(plan, current, { target, signal, recordOf })
  } catch {
    return []
  }
}
