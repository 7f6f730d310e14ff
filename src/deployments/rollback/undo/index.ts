import type { StepKey } from '../../model/states.ts'
import { undoConfigureDns } from './configure-dns.ts'
import type { Compensation } from './context.ts'
import { undoDeployWorker } from './deploy-worker.ts'
import { undoRolloutContainer } from './rollout-container.ts'

export type { CompensationContext, UndoTarget } from './context.ts'

/** How each step is undone, beside `stepFunctions`; a step without an entry leaves nothing behind. */
export const compensations: Partial<Record<StepKey, Compensation>> = {
  deploy_worker: undoDeployWorker,
  rollout_container: undoRolloutContainer,
  configure_dns: undoConfigureDns,
}
