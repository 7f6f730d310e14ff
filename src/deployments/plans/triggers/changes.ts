import { isDeepStrictEqual } from 'node:util'
import { conflict, dependencyFailed } from '../../../platform/errors.ts'
import type { AppState, ConsumerState, TriggerState } from '../../model/app-state.ts'
import type { PlanConfig, PlanPreview } from '../../model/plan.ts'
import { covers, isPresent, ownWorkflows } from './state.ts'

type Change = PlanPreview['changes'][number]
type ConsumerRequest = NonNullable<PlanConfig['queueConsumers']>[number]

/** What the plan does to schedules, consumers and workflows. */
export function triggerChanges(config: PlanConfig, { triggers }: Pick<AppState, 'triggers'>): Change[] {
  if (triggers === undefined) return []
  const { crons, queueConsumers = [] } = config
  const present = triggers.schedules ?? []
  const action = (exists: boolean, same: boolean) => {
    if (!exists) return 'create' as const
    return same ? ('keep' as const) : ('replace' as const)
  }
  return [
    ...(crons ?? []).map((name) => ({
      kind: 'schedule',
      name,
      action: action(present.includes(name), true),
    })),
    ...(crons === undefined ? [] : present)
      .filter((name) => !crons?.includes(name))
      .map((name) => ({ kind: 'schedule', name, action: 'delete' as const })),
    ...queueConsumers.map((consumer) => {
      const found = triggers.consumers[consumer.queue] ?? null
      const same = found !== null && isAsWanted(found, consumer)
      return { kind: 'queue_consumer', name: consumer.queue, action: action(found !== null, same) }
    }),
    ...ownWorkflows(config).map((workflow) => {
      const found = triggers.workflows[workflow.name] ?? null
      return {
        kind: 'workflow',
        name: workflow.name,
        action: action(found !== null, isPresent(found, workflow)),
      }
    }),
  ]
}

/** True if a consumer has the wanted dead letter queue and settings. */
export function isAsWanted(found: ConsumerState, wanted: ConsumerRequest): boolean {
  const { dead_letter_queue: deadLetterQueue = null, settings } = wanted
  return found.deadLetterQueue === deadLetterQueue && covers(found.settings, settings)
}

/**
 * Refuses a plan whose triggers belong to another Worker, or whose queue does not exist.
 * @throws STATE_001, STATE_003 naming them
 */
export function checkTriggers(config: PlanConfig, state: TriggerState | undefined): void {
  if (state === undefined) return
  const { script, bindings = [] } = config
  for (const [queue, found] of Object.entries(state.consumers)) {
    if (found !== null && found.script !== script) throw consumerTaken(queue, found.script)
  }
  for (const [name, found] of Object.entries(state.workflows)) {
    if (found !== null && found.script !== script) throw workflowTaken(name, found.script)
  }
  const created = new Set(
    bindings.flatMap(({ type, provision }) =>
      type === 'queue' && provision?.create ? [provision.name] : [],
    ),
  )
  const [missing] = state.missingQueues.filter((name) => !created.has(name))
  if (missing === undefined) return
  throw dependencyFailed(`The queue ${missing} does not exist, so it cannot have a consumer`, {
    details: { checks: { resources: 'pass', quotas: 'pass', dependencies: 'fail' } },
    retryable: false,
    suggestedAction: `Create it: npx wrangler queues create ${missing}`,
  })
}

export function consumerTaken(queue: string, owner: string | null) {
  const by = owner === null ? 'an HTTP pull consumer' : `the Worker ${owner}`
  const suggestedAction = `Remove that consumer, or take ${queue} out of the project's consumers`
  return conflict(
    `The queue ${queue} is consumed by ${by}; a queue has one consumer`,
    {},
    { retryable: false, suggestedAction },
  )
}

export function workflowTaken(name: string, owner: string) {
  const suggestedAction = 'Choose another name: names of workflows are unique in an account'
  return conflict(
    `The workflow ${name} belongs to the Worker ${owner}`,
    {},
    { retryable: false, suggestedAction },
  )
}

/** Describes the changes between two states, as sentences. */
export function triggerDifferences(
  before: TriggerState | undefined,
  now: TriggerState | undefined,
): string[] {
  if (before === undefined || now === undefined) return []
  const differs = (a: unknown, b: unknown) => !isDeepStrictEqual(a ?? null, b ?? null)
  return [
    ...(differs(before.schedules, now.schedules) ? ['the schedules were changed'] : []),
    ...Object.keys(now.consumers)
      .filter((name) => differs(before.consumers[name], now.consumers[name]))
      .map((name) => `the consumer of the queue ${name} was changed`),
    ...Object.keys(now.workflows)
      .filter((name) => differs(before.workflows[name], now.workflows[name]))
      .map((name) => `the workflow ${name} was changed`),
  ]
}
