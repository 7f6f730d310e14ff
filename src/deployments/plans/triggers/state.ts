import { isDeepStrictEqual } from 'node:util'
import type { Consumer, TriggersApi } from '../../cloudflare/triggers/api.ts'
import type { ConsumerState, PresentWorkflow, TriggerState } from '../../model/app-state.ts'
import type { PlanConfig } from '../../model/plan.ts'
import { hasTriggers } from '../../model/plan-steps.ts'

type Triggers = Pick<PlanConfig, 'script' | 'crons' | 'queueConsumers' | 'workflows' | 'scriptSettings'>

/** The workflows that this script defines. A definition may also name the workflow of another script. */
export const ownWorkflows = ({ script, workflows = [] }: Triggers) =>
  workflows.filter(({ script_name: owner }) => owner === undefined || owner === script)

/** Reads the present state of what the plan mentions; undefined for a plan without triggers. */
export async function readTriggers(
  { triggers }: { triggers: TriggersApi },
  config: Triggers,
  signal: AbortSignal,
): Promise<TriggerState | undefined> {
  if (!hasTriggers(config)) return undefined
  const state: TriggerState = { consumers: {}, workflows: {}, missingQueues: [] }
  if (config.crons !== undefined) {
    state.schedules = (await triggers.schedules(config.script, signal)).toSorted()
  }
  for (const { queue: name } of config.queueConsumers ?? []) {
    const queue = await triggers.queue(name, signal)
    if (queue === undefined) state.missingQueues.push(name)
    const found = queue && (await triggers.consumer(queue.id, signal))
    state.consumers[name] = found === undefined ? null : stateOf(found)
  }
  for (const { name } of ownWorkflows(config)) {
    state.workflows[name] = (await triggers.workflow(name, signal)) ?? null
  }
  return state
}

/**
 * True if the workflow has the definition of the plan. A part that the cloud does not show, or in another unit, counts as
 * different: sending a definition again changes nothing.
 */
export function isPresent(found: PresentWorkflow | null | undefined, wanted: WantedWorkflow): boolean {
  const { name: _, script_name: __, class_name: className, ...definition } = wanted
  return found?.className === className && isDeepStrictEqual(found.definition, definition)
}

type WantedWorkflow = NonNullable<PlanConfig['workflows']>[number]

const stateOf = ({ script, deadLetterQueue, settings }: Consumer): ConsumerState => ({
  script,
  deadLetterQueue,
  settings,
})

/** True if the value has everything of the wanted one. The cloud adds its defaults, and null means unset. */
export function covers(present: unknown, wanted: unknown): boolean {
  if (isUnset(wanted)) return isUnset(present)
  if (Array.isArray(wanted)) {
    return (
      Array.isArray(present) &&
      present.length === wanted.length &&
      wanted.every((item, index) => covers(present[index], item))
    )
  }
  if (typeof wanted !== 'object') return present === wanted
  if (typeof present !== 'object' || present === null) return false
  const values = new Map(Object.entries(present))
  return Object.entries(wanted ?? {}).every(([key, value]) => covers(values.get(key), value))
}

const isUnset = (value: unknown) =>
  value === undefined || value === null || value === false || (Array.isArray(value) && value.length === 0)
