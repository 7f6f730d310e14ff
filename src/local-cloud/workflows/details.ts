import { z } from 'zod'
import type { CloudContext } from '../context.ts'
import type { Workflow } from '../store/workflows/definitions.ts'
import type { Instance } from '../store/workflows/instances.ts'
import { callControl } from './control.ts'

/** The events of the engine's log, by their numbers. */
const events = {
  ...{ queued: 0, started: 1, succeeded: 2, failed: 3, terminated: 4 },
  ...{ stepStart: 5, stepSuccess: 6, stepFailure: 7, sleepStart: 8, sleepEnd: 9 },
  ...{ attemptStart: 10, attemptSuccess: 11, attemptFailure: 12 },
  ...{ waitStart: 14, waitEnd: 15, waitTimeout: 16 },
  ...{ rollbackStart: 17, rollbackEnd: 24, rollbackFailed: 25 },
}

const failure = z.object({ name: z.string().catch('Error'), message: z.string().catch('') })
const entry = z.object({
  timestamp: z.string(),
  event: z.number(),
  group: z.string().nullable(),
  target: z.string().nullable(),
  metadata: z.looseObject({ error: failure.optional().catch(undefined) }),
})
type Entry = z.infer<typeof entry>
const details = z.object({ status: z.string(), logs: z.array(entry) })

/** The state of an instance with its steps, as Cloudflare's API shows it. @throws EngineError */
export async function instanceDetails(cloud: CloudContext, workflow: Workflow, instance: Instance) {
  const args = [instance.id]
  const { status, logs } = await callControl(cloud, workflow.id, details, { method: 'details', args })
  const first = (event: number) => logs.find((each) => each.event === event)
  const [success, failed, ended] = [events.succeeded, events.failed, events.terminated].map(first)
  const steps = stepsOf(logs)
  return {
    status,
    params: JSON.parse(instance.params),
    trigger: { source: instance.source },
    versionId: instance.versionId,
    queued: instance.createdOn,
    start: first(events.started)?.timestamp ?? null,
    end: (success ?? failed ?? ended)?.timestamp ?? null,
    success: success !== undefined ? true : (failed ?? ended) !== undefined ? false : null,
    output: shown(success?.metadata.result) ?? '',
    error: failed?.metadata.error ?? null,
    rollback: rollbackOf(logs),
    step_count: steps.length,
    steps: ended === undefined ? steps : [...steps, { type: 'termination', trigger: { source: 'api' } }],
  }
}

/** A result as the API shows it: texts and numbers as they are, other values as JSON. */
function shown(value: unknown): string | number | undefined {
  if (value === undefined || typeof value === 'string' || typeof value === 'number') return value
  return JSON.stringify(value)
}

function rollbackOf(logs: Entry[]) {
  const end = logs.findLast(({ event }) => event === events.rollbackEnd || event === events.rollbackFailed)
  if (end === undefined) return null
  return {
    outcome: end.event === events.rollbackEnd ? 'complete' : 'failed',
    error: end.metadata.error ?? null,
  }
}

function stepsOf(logs: Entry[]): object[] {
  const groups = Map.groupBy(
    logs.filter(({ group }) => group !== null),
    ({ group }) => group,
  )
  return [...groups.values()].flatMap((group): object[] => {
    const find = (...wanted: number[]) => group.find(({ event }) => wanted.includes(event))
    const name = group[0]?.target ?? ''
    const sleep = find(events.sleepStart)
    if (sleep !== undefined) return [sleepOf(name, sleep, find(events.sleepEnd))]
    const wait = find(events.waitStart)
    if (wait !== undefined) return [waitOf(name, wait, find(events.waitEnd, events.waitTimeout))]
    const start = find(events.stepStart)
    return start === undefined ? [] : [stepOf(name, start, group)]
  })
}

function sleepOf(name: string, start: Entry, end: Entry | undefined) {
  const duration = Number(start.metadata.durationMs) || 0
  const planned = new Date(Date.parse(start.timestamp) + duration).toISOString()
  const times = { start: start.timestamp, end: end?.timestamp ?? planned }
  return { type: 'sleep', name, ...times, finished: end !== undefined, error: null }
}

function waitOf(name: string, start: Entry, end: Entry | undefined) {
  const isTimeout = end?.event === events.waitTimeout
  const error = isTimeout ? failure.parse(end.metadata) : null
  const received = end === undefined || isTimeout ? {} : { output: JSON.stringify(end.metadata) }
  const times = { start: start.timestamp, end: end?.timestamp ?? start.timestamp }
  return { type: 'waitForEvent', name, ...times, finished: end !== undefined, error, ...received }
}

function stepOf(name: string, start: Entry, group: Entry[]) {
  const end = group.find(({ event }) => event === events.stepSuccess || event === events.stepFailure)
  const isSuccess = end === undefined ? null : end.event === events.stepSuccess
  const attempts = group
    .filter(({ event }) => event === events.attemptStart)
    .map(({ timestamp, metadata: { attempt } }) => {
      const over = group.find(
        ({ event, metadata }) =>
          (event === events.attemptSuccess || event === events.attemptFailure) &&
          metadata.attempt === attempt,
      )
      const success = over === undefined ? null : over.event === events.attemptSuccess
      return { start: timestamp, end: over?.timestamp ?? null, success, error: over?.metadata.error ?? null }
    })
  return {
    type: 'step',
    name,
    start: start.timestamp,
    end: end?.timestamp ?? null,
    success: isSuccess,
    output: shown(end?.metadata.result) ?? null,
    config: start.metadata.config,
    attempts,
  }
}
