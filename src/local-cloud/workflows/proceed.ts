import { z } from 'zod'
import type { CloudContext } from '../context.ts'
import { type Node, storeOf } from '../runtime/groups/nodes.ts'
import type { Workflow } from '../store/workflows/definitions.ts'
import type { ListedInstance } from '../store/workflows/instances.ts'
import { callControl } from './control.ts'

/** The parameters of an instance may have 2 MiB, so only these are in memory at the same time. */
const atOnce = 10

/** What an engine gets to know about an instance. */
export const aboutInstance = ({ id, versionId, createdOn }: ListedInstance) => ({ id, versionId, createdOn })

/** Continues the instances of the workflows that have just started; reports what has ended without a report. */
export async function proceedInstances(cloud: CloudContext, nodes: Node[]): Promise<void> {
  for (const node of nodes) {
    const found = storeOf(node)
    const workflow = found?.kind === 'workflow' ? cloud.store.workflows.find(found.id) : undefined
    if (workflow !== undefined) await proceedWorkflow(cloud, workflow)
  }
}

async function proceedWorkflow(cloud: CloudContext, workflow: Workflow): Promise<void> {
  const active = cloud.store.instances.active(workflow.id)
  for (let first = 0; first < active.length; first += atOnce)
    await proceedSome(
      cloud,
      workflow,
      active.slice(first, first + atOnce).map(({ id }) => id),
    )
}

async function proceedSome(cloud: CloudContext, workflow: Workflow, ids: string[]): Promise<void> {
  const found = ids.map((id) => cloud.store.instances.find(workflow.id, id))
  const instances = found.flatMap((each) => (each ? [{ ...aboutInstance(each), params: each.params }] : []))
  try {
    const statuses = await callControl(cloud, workflow.id, z.record(z.string(), z.string()), {
      method: 'proceed',
      args: [instances],
    })
    const now = new Date(cloud.clock()).toISOString()
    for (const [id, status] of Object.entries(statuses)) {
      cloud.store.instances.setStatus(workflow.id, id, status, now)
    }
  } catch (error) {
    cloud.log.warn({ err: error, workflow: workflow.name }, 'Could not continue the instances of a workflow')
  }
}
