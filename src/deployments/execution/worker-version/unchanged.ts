import type { AppState } from '../../model/app-state.ts'
import { changesSincePlan, readState, stale } from '../../plans/current-state/index.ts'
import type { StepContext } from '../steps/context.ts'

/**
 * Reads the app's state right before the first change of a deployment, and compares it with the plan's basis.
 * @throws STATE_001 with the changes since the plan was made
 */
export async function requireUnchanged(context: StepContext): Promise<AppState> {
  const { plan, target, signal } = context
  // Plans of older versions of Capstan have no basis: the present versions replace it.
  const versions = plan.basis === null
  const state = await readState({ target, config: plan.config, signal, versions })
  await refuseChanged(context, state)
  return state
}

/** @throws STATE_001 if the app has changed since the plan was made */
export async function refuseChanged(context: StepContext, now: AppState): Promise<void> {
  const { plan, target, signal, recordOf } = context
  const changes = await changesSincePlan(plan, now, { target, signal, recordOf })
  if (changes.length > 0) throw stale(changes)
}
