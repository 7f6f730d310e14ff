/** The states of a deployment. The database allows only the transitions below. */
export const statuses = [
  'initiated',
  'in_progress',
  'completed',
  'failed',
  'rolling_back',
  'rolled_back',
  'rollback_failed',
  'cancelled',
] as const
export type DeploymentStatus = (typeof statuses)[number]

export const transitions: Record<DeploymentStatus, readonly DeploymentStatus[]> = {
  initiated: ['in_progress', 'failed', 'cancelled', 'rolling_back'],
  in_progress: ['completed', 'failed', 'cancelled', 'rolling_back'],
  // `failed`: a rollback was not possible, and nothing was undone. `completed`: the deployment's own version serves
  // again, in place of one that was made outside Capstan.
  rolling_back: ['rolled_back', 'rollback_failed', 'failed', 'completed'],
  completed: ['rolling_back'],
  // A user retries the deployment or rolls it back.
  failed: ['in_progress', 'rolling_back'],
  rolled_back: ['rolling_back'],
  rollback_failed: ['rolling_back'],
  cancelled: ['rolling_back'],
}

/** The statuses in which a deployment holds its app and environment. */
export const liveStatuses: readonly DeploymentStatus[] = ['initiated', 'in_progress', 'rolling_back']

/** The keys and displayed titles of all steps, in order; see `stepsOf` for the steps of a plan. */
export const steps = {
  validate_config: 'Validating configuration',
  cloudflare_auth: 'Authenticating',
  check_quotas: 'Checking quotas',
  upload_container: 'Uploading container',
  provision_resources: 'Providing resources',
  upload_assets: 'Uploading static files',
  migrate_database: 'Migrating databases',
  deploy_worker: 'Deploying Worker and Durable Objects',
  rollout_container: 'Rolling out container',
  configure_dns: 'Configuring DNS',
  health_check: 'Running health check',
  configure_triggers: 'Configuring triggers',
} as const
export type StepKey = keyof typeof steps
export const stepKeys = Object.keys(steps) as StepKey[]
