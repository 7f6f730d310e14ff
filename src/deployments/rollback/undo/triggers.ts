import { isDeepStrictEqual } from 'node:util'
import { isAsWanted } from '../../plans/triggers/changes.ts'
import { covers, ownWorkflows } from '../../plans/triggers/state.ts'
import type { Compensation, CompensationContext } from './context.ts'

/**
 * Undoes the consumers and schedules of a deployment, before the traffic returns: the cloud refuses to let a version
 * without a handler consume a queue. What others have changed meanwhile stays.
 */
export const undoTriggers: Compensation = {
  async undo(context) {
    const before = context.deployment.snapshot?.triggers
    if (before === undefined) return { note: 'nothing to undo' }
    const notes = [...(await undoConsumers(context)), ...(await undoSchedules(context))]
    return { note: notes.join('; ') || 'schedules and consumers are as they were' }
  },
}

async function undoConsumers(context: CompensationContext): Promise<string[]> {
  const { deployment, plan, target, signal, log } = context
  const { script, queueConsumers = [] } = plan.config
  const notes: string[] = []
  for (const wanted of queueConsumers) {
    const { queue: name } = wanted
    const before = deployment.snapshot?.triggers?.consumers[name] ?? null
    const queue = await target.triggers.queue(name, signal)
    const present = queue && (await target.triggers.consumer(queue.id, signal))
    if (queue === undefined || present === undefined || present.script !== script) continue
    const { id, ...state } = present
    if (isDeepStrictEqual(state, before)) continue
    if (!isAsWanted(present, wanted) && !context.goal.byHand) {
      log.warn(`The consumer of the queue ${name} was changed outside Capstan; it is left as it is`)
      continue
    }
    const at = { queueId: queue.id, id }
    if (before === null) await target.triggers.deleteConsumer(at, signal)
    else await target.triggers.putConsumer(at, { ...before, script }, signal)
    const note = `the consumer of the queue ${name} is ${before === null ? 'removed' : 'as it was'}`
    log.info(note)
    notes.push(note)
  }
  return notes
}

async function undoSchedules(context: CompensationContext): Promise<string[]> {
  const { deployment, plan, target, signal, log } = context
  const { script, crons } = plan.config
  const before = deployment.snapshot?.triggers?.schedules
  if (crons === undefined || before === undefined) return []
  const present = (await target.triggers.schedules(script, signal)).toSorted()
  if (isDeepStrictEqual(present, before)) return []
  if (!isDeepStrictEqual(present, crons.toSorted()) && !context.goal.byHand) {
    log.warn('The schedules were changed outside Capstan; they are left as they are')
    return []
  }
  await target.triggers.setSchedules(script, before, signal)
  log.info('The schedules are as they were')
  return ['the schedules are as they were']
}

/** Restores the settings of the script and its workflows, after the earlier version serves again. */
export async function undoScriptParts(context: CompensationContext): Promise<void> {
  const { deployment, plan, target, goal, signal, log } = context
  const { snapshot } = deployment
  // The deployment's own version is restored, so what it has configured stays.
  if (snapshot?.triggers === undefined || goal.version === deployment.versionId) return
  const { script, scriptSettings = {} } = plan.config
  for (const { name, class_name: className } of ownWorkflows(plan.config)) {
    const before = snapshot.triggers.workflows[name] ?? null
    const present = await target.triggers.workflow(name, signal)
    if (present?.script !== script || present.className !== className) continue
    if (isDeepStrictEqual(present, before)) continue
    if (before === null) await target.triggers.deleteWorkflow(name, signal)
    else {
      const { script: owner, className: old, definition: rest } = before
      const definition = { ...rest, script_name: owner, class_name: old }
      await target.triggers.putWorkflow(name, definition, signal)
    }
    log.info(`The workflow ${name} is ${before === null ? 'removed' : 'as it was'}`)
  }
  await restoreSettings(context, scriptSettings)
}

/** Restores the settings that still are as this deployment has set them. */
async function restoreSettings(
  { deployment, plan, target, signal, log }: CompensationContext,
  planned: Record<string, unknown>,
): Promise<void> {
  const { scriptExists, settings: before } = deployment.snapshot ?? {}
  if (!scriptExists || before === undefined || Object.keys(planned).length === 0) return
  const { script } = plan.config
  const present = new Map(Object.entries(await target.cloud.scriptSettings(script, signal)))
  const isRestored = (name: string) =>
    isDeepStrictEqual(present.get(name), before[name]) ||
    (covers(present.get(name), null) && covers(before[name], null))
  const names = Object.keys(planned).filter(
    (name) => covers(present.get(name), planned[name]) && !isRestored(name),
  )
  if (names.length === 0) return
  const wanted = Object.fromEntries(names.map((name) => [name, before[name] ?? null]))
  await target.triggers.setScriptSettings(script, wanted, signal)
  log.info(`The settings of ${script} are as they were: ${names.join(', ')}`)
}
