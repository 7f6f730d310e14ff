import { isDeepStrictEqual } from 'node:util'
import { dependencyFailed } from '../../../platform/errors.ts'
import { CloudError } from '../../cloudflare/errors.ts'
import type { PlanConfig } from '../../model/plan.ts'
import { consumerTaken, isAsWanted, workflowTaken } from '../../plans/triggers/changes.ts'
import { covers, isPresent, ownWorkflows } from '../../plans/triggers/state.ts'
import type { StepContext, StepResult } from '../steps/context.ts'

/**
 * Applies the settings of the script, its workflows and schedules, and its queue consumers last, when the new version
 * has proved healthy: from then on messages and schedules start it. Each part is read first and written only if it
 * differs, so that a run after a crash continues.
 */
export async function configureTriggers(context: StepContext): Promise<StepResult> {
  await applySettings(context)
  for (const workflow of ownWorkflows(context.plan.config)) await applyWorkflow(context, workflow)
  await applySchedules(context)
  for (const consumer of context.plan.config.queueConsumers ?? []) await applyConsumer(context, consumer)
  return {}
}

async function applySettings({ plan, target, signal, log }: StepContext): Promise<void> {
  const { script, scriptSettings: wanted } = plan.config
  if (wanted === undefined) return
  const present = await target.cloud.scriptSettings(script, signal)
  if (covers(present, wanted)) return
  await target.triggers.setScriptSettings(script, wanted, signal)
  log.info(`Changed the settings of ${script}: ${Object.keys(wanted).join(', ')}`)
}

async function applyWorkflow(
  { plan, target, signal, log }: StepContext,
  workflow: NonNullable<PlanConfig['workflows']>[number],
): Promise<void> {
  const { script } = plan.config
  const { name, ...definition } = workflow
  const present = await target.triggers.workflow(name, signal)
  if (present !== undefined && present.script !== script) throw workflowTaken(name, present.script)
  if (isPresent(present, workflow)) return
  await target.triggers.putWorkflow(name, { ...definition, script_name: script }, signal)
  log.info(`${present === undefined ? 'Created' : 'Changed'} the workflow ${name} (${workflow.class_name})`)
}

async function applySchedules({ plan, target, signal, log }: StepContext): Promise<void> {
  const { script, crons } = plan.config
  if (crons === undefined) return
  const present = await target.triggers.schedules(script, signal)
  if (isDeepStrictEqual(present.toSorted(), crons.toSorted())) return
  await target.triggers.setSchedules(script, crons, signal)
  log.info(crons.length === 0 ? 'Removed all schedules' : `Schedules: ${crons.join('; ')}`)
}

async function applyConsumer(
  { plan, target, signal, log }: StepContext,
  wanted: NonNullable<PlanConfig['queueConsumers']>[number],
): Promise<void> {
  const { script } = plan.config
  const { queue: name, dead_letter_queue: deadLetterQueue = null, settings } = wanted
  const queue = await target.triggers.queue(name, signal)
  if (queue === undefined) throw dependencyFailed(`The queue ${name} does not exist`, { retryable: false })
  for (let mayRepeat = true; ; mayRepeat = false) {
    const present = await target.triggers.consumer(queue.id, signal)
    if (present !== undefined && present.script !== script) throw consumerTaken(name, present.script)
    if (present !== undefined && isAsWanted(present, wanted)) return
    const at = present === undefined ? { queueId: queue.id } : { queueId: queue.id, id: present.id }
    try {
      await target.triggers.putConsumer(at, { script, deadLetterQueue, settings }, signal)
      return log.info(`${present === undefined ? 'Added' : 'Changed'} the consumer of the queue ${name}`)
    } catch (error) {
      // An earlier call of this deployment, whose answer was lost, may have arrived since the consumer was read.
      if (!mayRepeat || !isTaken(error)) throw error
    }
  }
}

/** True if the queue got a consumer between the look and the call. */
const isTaken = (error: unknown) => error instanceof CloudError && error.code === 11004
