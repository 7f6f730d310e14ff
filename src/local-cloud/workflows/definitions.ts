import { rm } from 'node:fs/promises'
import type { z } from 'zod'
import { type CloudContext, namespaceDir } from '../context.ts'
import { ApiError } from '../errors.ts'
import { storageKeyOf } from '../runtime/workflows/names.ts'
import { servingVersion } from '../scripts/deploy.ts'
import { requireScript } from '../scripts/lifecycle.ts'
import type { Workflow } from '../store/workflows/definitions.ts'
import { parseCron } from '../triggers/schedules.ts'
import { isWorkflowName, type workflowBody } from './schema.ts'

/** @throws ApiError 10200 */
export function requireWorkflow({ store }: CloudContext, name: string): Workflow {
  const found = store.workflows.named(name)
  if (found === undefined) throw new ApiError('workflowNotFound')
  return found
}

/**
 * Creates or replaces a definition. Names are unique in the account, so that a definition for another script takes the
 * workflow over. Instances go on with the code of the new class.
 * @throws ApiError 10007, 10026, 10100 or 10209
 */
export async function putWorkflow(
  cloud: CloudContext,
  name: string,
  { script_name: scriptName, class_name: className, ...settings }: z.infer<typeof workflowBody>,
): Promise<Workflow> {
  if (!isWorkflowName(name)) throw new ApiError('invalidBody', 'The name of the workflow is not valid.')
  for (const { cron } of settings.schedules ?? []) parseCron(cron)
  const before = cloud.store.workflows.named(name)
  const { jurisdiction } = settings
  if (before !== undefined && jurisdiction !== undefined && before.settings.jurisdiction !== jurisdiction)
    throw new ApiError('jurisdictionFixed')
  return await cloud.locks.run(scriptName, async () => {
    const script = requireScript(cloud, scriptName)
    const isExported = servingVersion(cloud, script)?.code.namedHandlers.some(
      (each) => each.name === className,
    )
    if (!isExported)
      throw new ApiError('invalidBody', `class_name: the Worker does not export the class '${className}'`)
    const now = new Date(cloud.clock()).toISOString()
    cloud.store.transaction(() => cloud.store.workflows.put({ name, scriptName, className, settings }, now))
    const after = requireWorkflow(cloud, name)
    await cloud.pool.refresh(script.id)
    return after
  })
}

/** Deletes a workflow with its instances. @throws ApiError 10200 */
export async function deleteWorkflow(cloud: CloudContext, name: string): Promise<void> {
  const { id } = requireWorkflow(cloud, name)
  await cloud.pool.exclusively(`workflow:${id}`, async () => {
    cloud.store.workflows.delete(id)
    await rm(namespaceDir(cloud.dataDir, storageKeyOf(id)), { recursive: true, force: true })
  })
}
