import type { StepKey } from '../../model/states.ts'
import { reachBack } from './configure-dns.ts'
import type { Compensation } from './context.ts'
import { versionBack } from './deploy-worker.ts'
import { containerBack } from './rollout-container.ts'

export type { CompensationContext, RollbackGoal } from './context.ts'

/** How each step is undone, beside `stepRuns`; a step without an entry leaves nothing behind. */
export const compensations: Partial<Record<StepKey, Compensation>> = {
  deploy_worker: versionBack,
  rollout_container: containerBack,
  configure_dns: reachBack,
}
