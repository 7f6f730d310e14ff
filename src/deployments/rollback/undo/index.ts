import type { StepKey } from '../../model/states.ts'
import { undoConfigureDns } from './configure-dns.ts'
import type { Compensation } from './context.ts'
import { undoDeployWorker } from './deploy-worker.ts'
import { undoMigrateDatabase } from './migrate-database.ts'
import { undoProvisionResources } from './provision-resources.ts'
import { undoRolloutContainer } from './rollout-container.ts'
import { undoTriggers } from './triggers.ts'

export type { CompensationContext, UndoTarget } from './context.ts'

/** The undo of each step, the counterpart of `stepFunctions`. A step without an entry leaves nothing to undo. */
export const compensations: Partial<Record<StepKey, Compensation>> = {
  provision_resources: undoProvisionResources,
  migrate_database: undoMigrateDatabase,
  deploy_worker: undoDeployWorker,
  configure_triggers: undoTriggers,
  rollout_container: undoRolloutContainer,
  configure_dns: undoConfigureDns,
}
