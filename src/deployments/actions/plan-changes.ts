import type { Knex } from 'knex'
import type { Principal } from '../../platform/auth.ts'
import { databaseTime } from '../../platform/clock.ts'
import { requireEnvironment } from '../model/permission.ts'
import type { PlanHead } from '../model/plan.ts'
import { changesSincePlan, readState } from '../plans/current-state/index.ts'
import { lookMs } from '../rollback/serving.ts'
import { findDeployment, findPlan } from '../store/index.ts'
import type { Targets } from '../targets/targets.ts'
import type { ActionOptions } from './target-lock.ts'

/**
 * What has changed of an app since a plan was made, in words. Asks the cloud, so call it before a transaction; if the
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
  // An existing deployment of the plan is found again; it has changed the app itself.
  if (deployment !== undefined && !deployment.dryRun) return []
  if (plan.basis === null) return ['the plan is from an older version of Capstan']
  return readChanges(db, targets, plan)
}

/** Empty if the cloud does not answer: the steps wait for it. */
async function readChanges(db: Knex, targets: Targets, plan: PlanHead): Promise<string[]> {
  try {
    const signal = AbortSignal.timeout(lookMs)
    const target = await targets.of(plan.environment)
    const now = await readState({ target, config: plan.config, versions: false, signal })
    const recordOf = (id: string) => findDeployment(db, id)
    return await changesSincePlan(plan, now, { target, signal, recordOf })
  } catch {
    return []
  }
}
