import { randomUUID } from 'node:crypto'
import type { CloudContext } from '../context.ts'
import type { Application } from '../store/containers.ts'
import { checkImage } from './images.ts'
import { checkLimits } from './limits.ts'
import { containersRefusal } from './refusal.ts'
import type { CreateBody, EditBody } from './schema.ts'
import { findApplication, otherApplications } from './state.ts'

/** Creates an application. @throws ApiError 1607, 1608, IMAGE_REGISTRY_*, SURPASSED_*, DURABLE_OBJECT_NOT_FOUND */
export async function createApplication(cloud: CloudContext, body: CreateBody): Promise<Application> {
  const { store, clock } = cloud
  const { name, instances, max_instances: maxInstances, configuration, durable_objects, ...given } = body
  await checkImage(cloud, configuration.image)
  return store.transaction(() => {
    const namespaceId = requireContainerClass(cloud, durable_objects)
    const present = store.containers.applications()
    if (present.some((each) => each.namespaceId === namespaceId)) {
      throw containersRefusal(
        'DURABLE_OBJECT_ALREADY_HAS_APPLICATION',
        'The class already has an application.',
      )
    }
    checkLimits({ configuration, maxInstances }, present)
    const now = new Date(clock()).toISOString()
    const application: Application = {
      id: randomUUID(),
      name,
      namespaceId,
      instances,
      maxInstances,
      version: 1,
      configuration,
      rest: restOf(given),
      activeRolloutId: null,
      createdOn: now,
      updatedOn: now,
    }
    store.containers.saveApplication(application)
    return application
  })
}

/** Changes limits and similar settings. An image or a size in the body is ignored: only a rollout changes them. */
export function editApplication(cloud: CloudContext, id: string, body: EditBody): Application {
  return cloud.store.transaction(() => {
    const application = findApplication(cloud, id)
    const maxInstances = body.max_instances ?? application.maxInstances
    const { authorized_keys, wrangler_ssh } = body.configuration ?? {}
    const configuration = {
      ...application.configuration,
      ...(authorized_keys === undefined ? {} : { authorized_keys }),
      ...(wrangler_ssh === undefined ? {} : { wrangler_ssh }),
    }
    const edited: Application = {
      ...application,
      maxInstances,
      configuration,
      rest: { ...application.rest, ...restOf(body) },
      updatedOn: new Date(cloud.clock()).toISOString(),
    }
    checkLimits(edited, otherApplications(cloud, id))
    cloud.store.containers.saveApplication(edited)
    return edited
  })
}

export function deleteApplication(cloud: CloudContext, id: string): void {
  findApplication(cloud, id)
  cloud.store.containers.deleteApplication(id)
}

function restOf(given: EditBody): Application['rest'] {
  const { constraints, observability, rollout_active_grace_period } = given
  return {
    ...(constraints === undefined ? {} : { constraints }),
    ...(observability === undefined ? {} : { observability }),
    ...(rollout_active_grace_period === undefined ? {} : { rollout_active_grace_period }),
  }
}

/**
 * Finds the namespace of a class that the deployed version enables for containers.
 * @throws ApiError 1607, DURABLE_OBJECT_NOT_FOUND
 */
function requireContainerClass(cloud: CloudContext, wanted: CreateBody['durable_objects']): string {
  const { scripts, versions } = cloud.store
  const found = scripts
    .allNamespaces()
    .find((each) =>
      'namespace_id' in wanted
        ? each.namespaceId === wanted.namespace_id
        : each.scriptName === wanted.script_name && each.className === wanted.class_name,
    )
  const script = found === undefined ? undefined : scripts.find(found.scriptName)
  if (found === undefined || script === undefined) {
    throw containersRefusal('DURABLE_OBJECT_NOT_FOUND', 'The Durable Object namespace does not exist.')
  }
  const [share] = versions.serving(script.id)?.versions ?? []
  const serving = share === undefined ? undefined : versions.find(script.id, share.version_id)
  if (!serving?.code.containers.some(({ class_name }) => class_name === found.className)) {
    throw containersRefusal(
      'DURABLE_OBJECT_NOT_CONTAINER_ENABLED',
      'The Worker was uploaded without a container for this class.',
    )
  }
  return found.namespaceId
}
