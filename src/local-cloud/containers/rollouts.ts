import { randomUUID } from 'node:crypto'
import type { CloudContext } from '../context.ts'
import { ApiError } from '../errors.ts'
import type { Rollout } from '../store/containers.ts'
import { checkImage } from './images.ts'
import { checkLimits } from './limits.ts'
import { containersRefusal } from './refusal.ts'
import type { RolloutBody } from './schema.ts'
import { advance, endRollout, findApplication, otherApplications } from './state.ts'

/**
 * Starts a rollout. It replaces a rollout in progress, whose remaining steps are cancelled.
 * @throws ApiError IMAGE_REGISTRY_*, SURPASSED_*
 */
export async function startRollout(
  cloud: CloudContext,
  applicationId: string,
  body: RolloutBody,
): Promise<Rollout> {
  const { store, clock } = cloud
  const application = findApplication(cloud, applicationId)
  const { image = application.configuration.image, ...target } = body.target_configuration
  const targetConfiguration = { ...application.configuration, ...target, image }
  await checkImage(cloud, image)
  return store.transaction(() => {
    const current = findApplication(cloud, applicationId)
    checkLimits({ ...current, configuration: targetConfiguration }, otherApplications(cloud, applicationId))
    const now = new Date(clock()).toISOString()
    const all = store.containers.rollouts(applicationId)
    const active = all.find(({ id }) => id === current.activeRolloutId)
    if (active !== undefined) store.containers.saveRollout({ ...active, status: 'replaced', updatedOn: now })
    const steps = body.steps ?? equalSteps(body.step_percentage ?? (current.maxInstances < 2 ? 100 : 10))
    const rollout: Rollout = {
      id: randomUUID(),
      applicationId,
      status: 'pending',
      doneSteps: 0,
      body: { ...body, steps },
      currentVersion: current.version,
      targetVersion: Math.max(current.version, ...all.map(({ targetVersion }) => targetVersion)) + 1,
      currentConfiguration: current.configuration,
      targetConfiguration,
      createdOn: now,
      updatedOn: now,
    }
    store.containers.saveRollout(rollout)
    store.containers.saveApplication({ ...current, activeRolloutId: rollout.id, updatedOn: now })
    return rollout
  })
}

/** Advances or reverts a rollout. @throws ApiError VALIDATE_INPUT if the rollout has ended */
export function actOnRollout(
  cloud: CloudContext,
  request: { applicationId: string; rolloutId: string; action: 'next' | 'previous' | 'revert' },
): Rollout {
  const rollout = findRollout(cloud, request)
  if (rollout.status !== 'pending' && rollout.status !== 'progressing') {
    throw containersRefusal('VALIDATE_INPUT', `The rollout is already ${rollout.status}.`)
  }
  return cloud.store.transaction(() => {
    if (request.action === 'revert') return endRollout(cloud, rollout, 'reverted')
    const doneSteps = Math.max(0, rollout.doneSteps + (request.action === 'next' ? 1 : -1))
    return advance(cloud, rollout, doneSteps)
  })
}

export function findRollout(
  cloud: CloudContext,
  { applicationId, rolloutId }: { applicationId: string; rolloutId: string },
): Rollout {
  findApplication(cloud, applicationId)
  const found = cloud.store.containers.rollouts(applicationId).find(({ id }) => id === rolloutId)
  if (found === undefined) throw new ApiError('applicationNotFound', 'The rollout was not found.')
  return found
}

function equalSteps(percentage: number): Rollout['body']['steps'] {
  const counts = Array.from({ length: Math.ceil(100 / percentage) }, (_, at) => at + 1)
  return counts.map((at) => ({ step_size: { percentage }, description: `Step ${at}` }))
}
