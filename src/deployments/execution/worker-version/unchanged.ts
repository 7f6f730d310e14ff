import type { AppState } from '../../model/app-state.ts'
import { changesSincePlan, readState, stale } from '../../plans/current-state/index.ts'
import type { StepContext } from '../steps/context.ts'

/**
 * Reads the app again right before it is changed. Only for a deployment that has not changed anything yet.
 * @throws STATE_001 naming what has changed since the plan was made.
 */
export async function requireUnchanged(context: StepContext): Promise<AppState> {
  const { plan, target, signal } = context
  // Without a basis, of a plan from an older version of Capstan, what is there now has to do.
  const versions = plan.basis === null
  const state = await readState({ target, config: plan.config, signal, versions })
  await refuseChanged(context, state)
  return state
}

/** @throws STATE_001 */
export async function refuseChanged(context: StepContext, now: AppState): Promise<void> {
  const { plan, target, signal, recordOf } = context
  const changes = await changesSincePlan(plan, now, { target, signal, recordOf })
  if (changes.length > 0) throw stale(changes)
}
