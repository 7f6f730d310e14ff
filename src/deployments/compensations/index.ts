import type { StepKey } from '../states.ts'
import { containerBack } from './container.ts'
import type { Compensation } from './context.ts'
import { reachBack } from './reach.ts'
import { versionBack } from './version.ts'

export type { CompensationContext, RollbackGoal } from './context.ts'

/** How each step is undone, beside `stepRuns`; a step without an entry leaves nothing behind. */
export const compensations: Partial<Record<StepKey, Compensation>> = {
  deploy_worker: versionBack,
  rollout_container: containerBack,
  configure_dns: reachBack,
}
