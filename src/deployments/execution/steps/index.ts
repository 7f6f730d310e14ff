import type { StepKey } from '../../model/states.ts'
import { checkQuotas, cloudflareAuth, validateConfig } from './checks.ts'
import type { StepRun } from './context.ts'
import { deployWorker } from './deploy-worker.ts'
import { configureDns, healthCheck } from './reach.ts'
import { rolloutContainer } from './rollout-container.ts'
import { uploadContainer } from './upload-container.ts'

export type { StepContext, StepResult } from './context.ts'

/** What each of the eight steps does. */
export const stepRuns: Record<StepKey, StepRun> = {
  validate_config: validateConfig,
  cloudflare_auth: cloudflareAuth,
  check_quotas: checkQuotas,
  upload_container: uploadContainer,
  deploy_worker: deployWorker,
  rollout_container: rolloutContainer,
  configure_dns: configureDns,
  health_check: healthCheck,
}
