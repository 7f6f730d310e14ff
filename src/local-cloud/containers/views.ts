import type { Application, ExternalRegistry, Rollout } from '../store/containers.ts'

/** The message in each response that could suggest a running container. */
export const recordedOnly = {
  code: 1600,
  message: 'Recorded, but no container runs: the local cloud has no container engine.',
}

const idle = { errors: [], instances: { active: 0, assigned: 0 }, summary: 'pending' as const }

export function applicationView(application: Application, accountId: string) {
  const { id, name, instances, maxInstances, version, configuration, rest, namespaceId } = application
  return {
    id,
    account_id: accountId,
    name,
    instances,
    max_instances: maxInstances,
    version,
    configuration,
    created_at: application.createdOn,
    updated_at: application.updatedOn,
    health: idle,
    ...rest,
    scheduling_policy: 'default',
    durable_objects: { namespace_id: namespaceId },
    ...(application.activeRolloutId === null ? {} : { active_rollout_id: application.activeRolloutId }),
  }
}

export function rolloutView(rollout: Rollout) {
  const { id, status, doneSteps, body, currentVersion, targetVersion } = rollout
  const { steps, description, strategy, kind } = body
  const share = steps.slice(0, doneSteps).reduce((sum, { step_size }) => sum + step_size.percentage, 0)
  const reached = status === 'completed' ? 100 : Math.min(share, 100)
  return {
    id,
    status,
    description,
    strategy,
    kind,
    health: idle,
    current_version: currentVersion,
    target_version: targetVersion,
    current_configuration: rollout.currentConfiguration,
    target_configuration: rollout.targetConfiguration,
    created_at: rollout.createdOn,
    last_updated_at: rollout.updatedOn,
    steps: steps.map(({ step_size, description: text }, at) => ({
      id: at + 1,
      description: text,
      step_size,
      status: at < doneSteps ? 'completed' : 'pending',
    })),
    progress: {
      current_step: doneSteps,
      total_steps: steps.length,
      total_instances: 0,
      updated_instances: 0,
    },
    version_distribution: {
      current_version_percentage: 100 - reached,
      target_version_percentage: reached,
    },
  }
}

export const registryView = ({ domain, kind, createdOn }: ExternalRegistry) => ({
  domain,
  kind,
  created_at: createdOn,
})
