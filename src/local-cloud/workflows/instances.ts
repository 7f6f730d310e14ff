import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { CloudContext } from '../context.ts'
import { ApiError } from '../errors.ts'
import { servingVersion } from '../scripts/deploy.ts'
import type { Workflow } from '../store/workflows/definitions.ts'
import { finalStatuses, type Instance, type InstanceSource } from '../store/workflows/instances.ts'
import { callControl, EngineError, nothing } from './control.ts'
import { aboutInstance } from './proceed.ts'
import type { StatusChange } from './schema.ts'

/** The most instances of a workflow that have not ended: they are in the memory of its process, which they keep running. */
const maxUnfinished = 1000

/** @throws ApiError with the code of `instanceRefused` at the limit */
function requireRoom({ store }: CloudContext, { id, name }: Workflow): void {
  const counts = Object.entries(store.instances.counts(id))
  const unfinished = counts.reduce((sum, [status, count]) => sum + (finalStatuses.has(status) ? 0 : count), 0)
  if (unfinished < maxUnfinished) return
  const full = `The workflow ${name} has ${unfinished} instances that have not ended; the local cloud allows ${maxUnfinished}.`
  throw new ApiError('instanceRefused', full)
}

/** @throws ApiError with the code of `instanceNotFound` */
export function requireInstance({ store }: CloudContext, { id: workflowId }: Workflow, id: string): Instance {
  const found = store.instances.find(workflowId, id)
  if (found === undefined) throw new ApiError('instanceNotFound')
  return found
}

export interface Wanted {
  id?: string | undefined
  /** JSON. */
  params: string
  source: InstanceSource
}

/**
 * Records a new instance before it starts: if the process ends in between, its next start begins the instance.
 * @throws ApiError if the id exists, or nothing can run the instance
 */
export function recordInstance(cloud: CloudContext, workflow: Workflow, wanted: Wanted): Instance {
  const { store } = cloud
  const script = store.scripts.find(workflow.scriptName)
  const isRunnable =
    script !== undefined &&
    servingVersion(cloud, script)?.code.namedHandlers.some(({ name }) => name === workflow.className)
  if (!isRunnable) {
    const missing = `The Worker ${workflow.scriptName} is not deployed with the class ${workflow.className}.`
    throw new ApiError('instanceRefused', missing)
  }
  const { id = randomUUID(), params, source } = wanted
  const createdOn = new Date(cloud.clock()).toISOString()
  const draft = { workflowId: workflow.id, id, versionId: workflow.versionId, source, params, createdOn }
  const isNew = store.transaction(() => {
    // An id that exists is refused as such also at the limit, so that a repeated call gets the same answer.
    if (store.instances.find(workflow.id, id) !== undefined) return false
    requireRoom(cloud, workflow)
    return store.instances.add(draft)
  })
  if (!isNew) throw new ApiError('instanceExists')
  return requireInstance(cloud, workflow, id)
}

/** Creates an instance and starts it. @throws ApiError */
export async function createInstance(
  cloud: CloudContext,
  workflow: Workflow,
  { schedule, ...wanted }: Wanted & { schedule?: { cron: string; scheduledTime: number } },
): Promise<Instance> {
  const instance = recordInstance(cloud, workflow, wanted)
  const args = [{ ...aboutInstance(instance), schedule }, JSON.parse(wanted.params)]
  await callControl(cloud, workflow.id, nothing, { method: 'begin', args })
  return requireInstance(cloud, workflow, instance.id)
}

/** Pauses, resumes, ends or restarts an instance. @returns its status @throws ApiError */
export async function changeInstance(
  cloud: CloudContext,
  workflow: Workflow,
  id: string,
  change: StatusChange,
): Promise<string> {
  const { status } = requireInstance(cloud, workflow, id)
  if (finalStatuses.has(status) && change.status !== 'restart')
    throw new ApiError('instanceRefused', `The instance cannot ${change.status}: it is ${status}.`)
  if (finalStatuses.has(status)) requireRoom(cloud, workflow)
  const options =
    change.status === 'terminate'
      ? { rollback: change.rollback ?? false }
      : change.status === 'restart' && change.from !== undefined
        ? { from: change.from }
        : undefined
  const args = [id, { action: change.status, ...(options && { options }) }]
  const after = await refusing(callControl(cloud, workflow.id, z.string(), { method: 'change', args }))
  cloud.store.instances.setStatus(workflow.id, id, after, new Date(cloud.clock()).toISOString())
  return after
}

/** Sends an event to an instance; it is kept until the instance waits for its type. @throws ApiError */
export async function sendEvent(
  cloud: CloudContext,
  workflow: Workflow,
  id: string,
  event: { type: string; payload: unknown },
): Promise<void> {
  const { status } = requireInstance(cloud, workflow, id)
  if (finalStatuses.has(status))
    throw new ApiError('instanceRefused', `The instance takes no events: it is ${status}.`)
  await refusing(callControl(cloud, workflow.id, nothing, { method: 'event', args: [id, event] }))
}

/** Deletes an instance with its history. @throws ApiError */
export async function deleteInstance(cloud: CloudContext, workflow: Workflow, id: string): Promise<void> {
  requireInstance(cloud, workflow, id)
  await refusing(callControl(cloud, workflow.id, nothing, { method: 'remove', args: [id] }))
  cloud.store.instances.delete(workflow.id, id)
}

/** Turns the error of an engine into a refusal. */
async function refusing<T>(call: Promise<T>): Promise<T> {
  try {
    return await call
  } catch (error) {
    if (error instanceof EngineError) throw new ApiError('instanceRefused', error.message)
    throw error
  }
}
