import type { CloudContext } from '../context.ts'
import { ApiError } from '../errors.ts'
import type { Application, Rollout } from '../store/containers.ts'

/** The duration of one step of an automatic rollout. It is short, because no container has to become healthy. */
const stepMs = 50

export function findApplication(cloud: CloudContext, id: string): Application {
  const found = cloud.store.containers.application(id)
  if (found === undefined) throw new ApiError('applicationNotFound')
  return settleRollouts(cloud, found)
}

export function listApplications(cloud: CloudContext, filter: { name: string | null; image: string | null }) {
  const all = cloud.store.containers.applications().map((each) => settleRollouts(cloud, each))
  return all.filter(
    ({ name, configuration }) =>
      name === (filter.name ?? name) && configuration.image === (filter.image ?? configuration.image),
  )
}

export const otherApplications = (cloud: CloudContext, id: string) =>
  cloud.store.containers.applications().filter((each) => each.id !== id)

/** Records the steps of an automatic rollout that are due by now. Called before an application is read or changed. */
function settleRollouts(cloud: CloudContext, application: Application): Application {
  const { store, clock } = cloud
  if (application.activeRolloutId === null) return application
  const rollout = store.containers
    .rollouts(application.id)
    .find(({ id }) => id === application.activeRolloutId)
  if (rollout === undefined || rollout.body.kind === 'full_manual') return application
  const due = Math.floor((clock() - Date.parse(rollout.createdOn)) / stepMs)
  if (due <= rollout.doneSteps && (due === 0 || rollout.status === 'progressing')) return application
  advance(cloud, rollout, due)
  return store.containers.application(application.id) ?? application
}

export function advance(cloud: CloudContext, rollout: Rollout, doneSteps: number): Rollout {
  if (doneSteps >= rollout.body.steps.length) return endRollout(cloud, rollout, 'completed')
  const updatedOn = new Date(cloud.clock()).toISOString()
  const moved: Rollout = { ...rollout, status: 'progressing', doneSteps, updatedOn }
  cloud.store.containers.saveRollout(moved)
  return moved
}

export function endRollout(cloud: CloudContext, rollout: Rollout, status: 'completed' | 'reverted'): Rollout {
  const { containers } = cloud.store
  const updatedOn = new Date(cloud.clock()).toISOString()
  const doneSteps = status === 'completed' ? rollout.body.steps.length : 0
  const ended: Rollout = { ...rollout, status, doneSteps, updatedOn }
  containers.saveRollout(ended)
  const application = containers.application(rollout.applicationId)
  if (application?.activeRolloutId !== rollout.id) return ended
  const { targetVersion: version, targetConfiguration: configuration } = rollout
  const reached = status === 'completed' ? { version, configuration } : {}
  containers.saveApplication({ ...application, ...reached, activeRolloutId: null, updatedOn })
  return ended
}
