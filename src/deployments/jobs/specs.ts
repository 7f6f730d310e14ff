import type { z } from 'zod'
import type { JobSpec } from '../../platform/jobs/index.ts'
import { deleteAppPayload, deploymentPayload, deployStepPayload } from '../model/schema.ts'
import type { StepKey } from '../model/states.ts'

export type StepPayload = z.output<typeof deployStepPayload>
export type DeploymentPayload = z.output<typeof deploymentPayload>
export type DeleteAppPayload = z.output<typeof deleteAppPayload>

const seconds = 1000
const minutes = 60 * seconds

/** The time limits of steps. Health checks have their own limit in the plan, at most 15 minutes. */
const stepLimits: Record<StepKey, number> = {
  validate_config: 30 * seconds,
  cloudflare_auth: 30 * seconds,
  check_quotas: 60 * seconds,
  upload_container: 15 * minutes,
  provision_resources: 2 * minutes,
  upload_assets: 30 * minutes,
  migrate_database: 10 * minutes,
  // Includes the health check at 0 % of the traffic.
  deploy_worker: 18 * minutes,
  rollout_container: 10 * minutes,
  configure_dns: 2 * minutes,
  health_check: 16 * minutes,
  configure_triggers: 5 * minutes,
}
const limitOf = (step: string) => new Map<string, number>(Object.entries(stepLimits)).get(step) ?? minutes

/** One of the eight steps. The deployment's `maxRetries` sets the number of attempts. */
export const deployStepSpec: JobSpec<StepPayload> = {
  queue: 'deploy-step',
  name: 'deploy-step',
  payload: deployStepPayload,
  maxAttempts: 4,
  timeoutMs: ({ step }) => limitOf(step),
  backoff: { firstMs: 1 * seconds, maxMs: 30 * seconds },
  retryRefused:
    'Steps are retried with their deployment: call POST /deploy/{id}/retry, or prepare and deploy again',
  // The next step is enqueued with the result of this one.
  cancelWins: true,
}

/** Undoes what a deployment changed. */
export const rollbackSpec: JobSpec<DeploymentPayload> = {
  queue: 'rollback',
  name: 'rollback',
  payload: deploymentPayload,
  // The attempts last about five minutes: outages of the cloud are rarely longer, and no other job undoes the changes.
  maxAttempts: 11,
  timeoutMs: () => 15 * minutes,
  backoff: { firstMs: 1 * seconds, maxMs: 60 * seconds },
  retryRefused: 'Rollbacks are retried with their deployment: call POST /deploy/{id}/rollback',
}

/** Checks for 15 minutes whether a timed-out call has arrived after the end of its deployment. */
export const lateArrivalsSpec: JobSpec<DeploymentPayload> = {
  queue: 'rollback',
  name: 'late-arrivals',
  payload: deploymentPayload,
  maxAttempts: 20,
  timeoutMs: () => 2 * minutes,
  backoff: { firstMs: 5 * seconds, maxMs: 120 * seconds },
}

/** Deletes an app in one environment, with the data of its Durable Objects. */
export const deleteAppSpec: JobSpec<DeleteAppPayload> = {
  queue: 'rollback',
  name: 'delete-app',
  payload: deleteAppPayload,
  maxAttempts: 6,
  timeoutMs: () => 2 * minutes,
  backoff: { firstMs: 1 * seconds, maxMs: 60 * seconds },
  retryRefused: 'Deletions are not retried: call DELETE /deploy/apps/{app}/{environment} again',
}
