import type { StepKey } from '../../model/states.ts'
import { uploadAssets } from '../assets/upload-assets.ts'
import { configureTriggers } from '../triggers/configure.ts'
import { checkQuotas } from './check-quotas.ts'
import { cloudflareAuth } from './cloudflare-auth.ts'
import { configureDns } from './configure-dns.ts'
import type { StepFunction } from './context.ts'
import { deployWorker } from './deploy-worker.ts'
import { healthCheck } from './health-check.ts'
import { migrateDatabase } from './migrate-database.ts'
import { provisionResources } from './provision-resources.ts'
import { rolloutContainer } from './rollout-container.ts'
import { uploadContainer } from './upload-container.ts'
import { validateConfig } from './validate-config.ts'

export type { StepContext, StepResult } from './context.ts'

/** The function of each step. */
export const stepFunctions: Record<StepKey, StepFunction> = {
  validate_config: validateConfig,
  cloudflare_auth: cloudflareAuth,
  check_quotas: checkQuotas,
  upload_container: uploadContainer,
  provision_resources: provisionResources,
  upload_assets: uploadAssets,
  migrate_database: migrateDatabase,
  deploy_worker: deployWorker,
  rollout_container: rolloutContainer,
  configure_dns: configureDns,
  health_check: healthCheck,
  configure_triggers: configureTriggers,
}
