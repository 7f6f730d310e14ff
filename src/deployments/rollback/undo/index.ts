import type { StepKey } from '../../model/states.ts'
import { undoConfigureDns } from './configure-dns.ts'
import type { Compensation } from './context.ts'
import { undoDeployWorker } from './deploy-worker.ts'
import { undoRolloutContainer } from './rollout-container.ts'

export type { CompensationContext, UndoTarget } from './context.ts'

/** The undo of each step, the counterpart of `stepFunctions`. A step without an entry leaves nothing to undo. */
export const compensations: Partial<Record<StepKey, Compensation>> = {
  deploy_worker: undoDeployWorker,
  rollout_container: undoRolloutContainer,
  configure_dns: undoConfigureDns,
}
