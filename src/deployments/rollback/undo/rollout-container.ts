import type { ContainerApplication, ContainerSpec } from '../../cloudflare/containers-api.ts'
import { followRollout } from '../../cloudflare/follow-rollout.ts'
import { waitForUpload } from '../../cloudflare/write-record.ts'
import type { UndoResult } from '../../store/index.ts'
import type { Compensation, CompensationContext } from './context.ts'

/**
 * Undoes step 6: the application runs what it ran before, or is gone when this deployment created it. A rollout under
 * way is reverted; one that is over is answered by another one.
 */
export const undoRolloutContainer: Compensation = {
  async undo(context) {
    const { deployment, plan, target, signal, log } = context
    if (plan.config.container === undefined) return { note: 'there is no container' }
    // What is still on its way would come after us.
    waitForUpload(deployment, target)
    const application = await findOwn(context)
    if (application === undefined) {
      return { note: 'there is no container application' }
    }
    const wanted = await wantedBy(context)
    if (wanted === 'unknown') {
      log.warn('What the container ran with that version is not known; it is left as it is')
      return { note: 'the container is left as it is' }
    }
    if (wanted !== null) return bringBack(context, application, wanted)
    await target.containers.remove(application.id, signal)
    log.info(`The container application ${application.name} is removed`)
    return { note: 'the container application is removed' }
  },
}

/** The application of this deployment's class: nobody else's is touched. */
async function findOwn({ plan, target, signal }: CompensationContext) {
  const { script, container } = plan.config
  const namespaces = await target.cloud.namespaces(signal)
  const own = namespaces.find((each) => each.script === script && each.class === container?.className)
  if (own === undefined) return undefined
  const applications = await target.containers.applications(signal)
  return applications.find((each) => each.namespaceId === own.id)
}

/** Of the version that is to serve; null: it had no container. */
async function wantedBy(context: CompensationContext): Promise<ContainerSpec | null | 'unknown'> {
  const { deployment, goal } = context
  const { snapshot } = deployment
  if (goal.version === null || goal.version === snapshot?.servingVersion) return snapshot?.container ?? null
  return context.containerOf(goal.version)
}

async function bringBack(
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
  const isOurs = active?.description.includes(deployment.id) ?? application.image === deployment.image
  if (!isOurs && !goal.byHand && application.image !== wanted.image) {
    log.warn('Others have changed the container by now; it is left as it is')
    return { note: 'others have changed the container' }
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
