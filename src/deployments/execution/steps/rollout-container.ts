import { internalError } from '../../../platform/errors.ts'
import type { ContainerApplication } from '../../cloudflare/containers-api.ts'
import { CloudError } from '../../cloudflare/errors.ts'
import { followRollout } from '../../cloudflare/follow-rollout.ts'
import { applicationOf } from '../../images/preflight.ts'
import type { ContainerSpec } from '../../model/app-state.ts'
import { durableObjectFault } from '../../model/errors.ts'
import type { PlannedContainer } from '../../model/planned-container.ts'
import { trackUpload, waitForUpload } from '../../targets/write-record.ts'
import type { StepContext, StepResult } from './context.ts'

/**
 * Step 6: rolls the image out to the container application. Images are named by digest, so that the state of the
 * application shows whether the step is done. After a lost answer the step waits before it sends another call.
 */
export async function rolloutContainer(context: StepContext): Promise<StepResult> {
  const { deployment, plan, target, signal, log } = context
  const { container, leavingContainer } = plan.config
  if (leavingContainer !== undefined) {
    await removeOrphan(context)
    return {}
  }
  if (container === undefined) {
    log.info('Skipped: no container image')
    return { skipped: true }
  }
  if (deployment.image === null) throw internalError('The image was not uploaded')
  const { instanceType, maxInstances } = container
  const wanted: ContainerSpec = { image: deployment.image, instanceType, maxInstances }
  const namespaceId = await namespaceOf(context, container)
  const applications = await target.containers.applications(signal)
  const present = applicationOf(applications, { script: plan.config.script, namespaceId })
  const application = present ?? (await create(context, { ...wanted, namespaceId }))
  await applySpec(context, application, wanted)
  if (target.kind === 'local') log.warn('Recorded the rollout; the local cloud runs no containers')
  return {}
}

/** Removes the container of a class that the plan deletes. The class was deleted in step 5 and no longer runs. */
async function removeOrphan({ plan, target, signal, log }: StepContext): Promise<void> {
  const { script } = plan.config
  const [applications, namespaces] = await Promise.all([
    target.containers.applications(signal),
    target.cloud.namespaces(signal),
  ])
  const orphan = applications.find(({ name }) => name === script)
  if (orphan === undefined || namespaces.some(({ id }) => id === orphan.namespaceId)) {
    log.info('The container application was already removed')
    return
  }
  await target.containers.remove(orphan.id, signal)
  log.info(`Removed the container application ${script} with its class`)
}

async function namespaceOf({ plan, target, signal }: StepContext, { className }: PlannedContainer) {
  const namespaces = await target.cloud.namespaces(signal)
  const own = namespaces.find((each) => each.script === plan.config.script && each.class === className)
  if (own === undefined) throw durableObjectFault(`The Durable Object class ${className} does not exist`)
  return own.id
}

async function create(
  context: StepContext,
  wanted: ContainerSpec & { namespaceId: string },
): Promise<ContainerApplication> {
  const { deployment, plan, target, signal, log } = context
  const { script } = plan.config
  waitForUpload(deployment, target)
  log.info(`Creating the container application ${script}`)
  try {
    return await tracked(context, () => target.containers.create({ name: script, ...wanted }, signal))
  } catch (error) {
    // An earlier attempt or another client has created the application. It belongs to the class, and so to the app.
    if (!(error instanceof CloudError) || error.code !== 1608) throw error
    const { namespaceId } = wanted
    const adopted = applicationOf(await target.containers.applications(signal), { script, namespaceId })
    if (adopted === undefined) throw error
    log.warn(`Continuing with the container application ${adopted.name}, which the class already has`)
    return adopted
  }
}

/** Tracks a call and records its answer, see `trackUpload`. */
async function tracked<T>(context: StepContext, call: () => Promise<T>): Promise<T> {
  const answer = await trackUpload(context, call)
  await context.remember({ uploadSentAt: null })
  return answer
}

/** Sets the limit with a PATCH, and image and size with a rollout; makes no call for what is already as wanted. */
async function applySpec(
  context: StepContext,
  application: ContainerApplication,
  wanted: ContainerSpec,
): Promise<void> {
  const { deployment, plan, target, signal, log } = context
  const { containers } = target
  const { id, activeRolloutId } = application
  if (application.maxInstances !== wanted.maxInstances) {
    await tracked(context, () => containers.setMaxInstances(id, wanted.maxInstances, signal))
    log.info(`Set the maximum to ${wanted.maxInstances} instance(s)`)
  }
  const active =
    activeRolloutId === undefined
      ? undefined
      : await containers.rollout({ id, rolloutId: activeRolloutId }, signal)
  if (active?.image === wanted.image) {
    log.info('The rollout is already in progress')
    return followRollout(context, { id, rolloutId: active.id })
  }
  const same = application.image === wanted.image && application.instanceType === wanted.instanceType
  if (same && active === undefined) {
    log.info(`The container application ${application.name} already runs the image`)
    return
  }
  waitForUpload(deployment, target)
  const description = `capstan ${deployment.id} of ${plan.app}`
  const begun = await tracked(context, () => containers.startRollout(id, { ...wanted, description }, signal))
  log.info(`Rolling out to the container application ${application.name}`)
  await followRollout(context, { id, rolloutId: begun.id })
}
