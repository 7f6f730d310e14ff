import type { ContainerApplication } from '../../cloudflare/containers-api.ts'
import { followRollout } from '../../cloudflare/follow-rollout.ts'
import type { ContainerSpec } from '../../model/app-state.ts'
import type { UndoResult } from '../../store/index.ts'
import { waitForUpload } from '../../targets/write-record.ts'
import type { Compensation, CompensationContext } from './context.ts'

/**
 * Undoes step 6: restores the image and size of the container application, or removes the application if this
 * deployment created it. A running rollout is reverted; after a finished one, a new rollout starts.
 */
export const undoRolloutContainer: Compensation = {
  async undo(context) {
    const { deployment, plan, target, signal, log } = context
    if (plan.config.container === undefined) return { note: 'there is no container' }
    // An upload that is still in flight could take effect after the undo.
    waitForUpload(deployment, target)
    const application = await findOwn(context)
    if (application === undefined) {
      return { note: 'there is no container application' }
    }
    const wanted = await specToRestore(context)
    if (wanted === 'unknown') {
      log.warn('What the container ran with that version is not known; it is left as it is')
      return { note: 'the container is left as it is' }
    }
    if (wanted !== null) return restoreContainer(context, application, wanted)
    await target.containers.remove(application.id, signal)
    log.info(`The container application ${application.name} is removed`)
    return { note: 'the container application is removed' }
  },
}

/** The application of this deployment's class; other applications are never changed. */
async function findOwn({ plan, target, signal }: CompensationContext) {
  const { script, container } = plan.config
  const namespaces = await target.cloud.namespaces(signal)
  const own = namespaces.find((each) => each.script === script && each.class === container?.className)
  if (own === undefined) return undefined
  const applications = await target.containers.applications(signal)
  return applications.find((each) => each.namespaceId === own.id)
}

/** The container of the version to restore; null if that version had none. */
async function specToRestore(context: CompensationContext): Promise<ContainerSpec | null | 'unknown'> {
  const { deployment, goal } = context
  const { snapshot } = deployment
  if (goal.version === null || goal.version === snapshot?.servingVersion) return snapshot?.container ?? null
  return context.containerOf(goal.version)
}

async function restoreContainer(
  context: CompensationContext,
  application: ContainerApplication,
  wanted: ContainerSpec,
): Promise<UndoResult> {
  const { deployment, target, goal, signal, log } = context
  const { containers } = target
  const { id, activeRolloutId } = application
  const active =
    activeRolloutId === undefined
      ? undefined
      : await containers.rollout({ id, rolloutId: activeRolloutId }, signal)
  const isOwnRollout = active?.description.includes(deployment.id) ?? application.image === deployment.image
  if (!isOwnRollout && !goal.byHand && application.image !== wanted.image) {
    log.warn('The container was changed outside of this deployment; it is left unchanged')
    return { note: 'the container was changed outside of this deployment' }
  }
  if (application.maxInstances !== wanted.maxInstances) {
    await containers.setMaxInstances(id, wanted.maxInstances, signal)
  }
  if (active !== undefined && active.image !== wanted.image) {
    await containers.revert({ id, rolloutId: active.id }, signal)
    log.info('The rollout under way is reverted')
  }
  if (active?.image === wanted.image) {
    await followRollout(context, { id, rolloutId: active.id })
  } else if (application.image !== wanted.image || application.instanceType !== wanted.instanceType) {
    const description = `rollback of ${deployment.id}`
    const begun = await containers.startRollout(id, { ...wanted, description }, signal)
    await followRollout(context, { id, rolloutId: begun.id })
  }
  log.info('The container runs what it ran before')
  return { note: 'the container runs what it ran before' }
}
