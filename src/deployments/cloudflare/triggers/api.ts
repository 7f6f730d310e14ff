import { z } from 'zod'
import type { ConsumerState, PresentWorkflow } from '../../model/app-state.ts'
import { CloudError } from '../errors.ts'
import type { CloudHttp } from '../http.ts'

export interface Queue {
  id: string
  name: string
}

export interface Consumer extends ConsumerState {
  id: string
}

/** The calls of Cloudflare's API for what starts a Worker besides requests. */
export interface TriggersApi {
  /** The cron expressions of a script; empty for a script that does not exist. */
  schedules(script: string, signal: AbortSignal): Promise<string[]>
  /** Replaces all schedules of a script. */
  setSchedules(script: string, crons: string[], signal: AbortSignal): Promise<void>
  queue(name: string, signal: AbortSignal): Promise<Queue | undefined>
  /** The consumer of a queue, which has at most one. */
  consumer(queueId: string, signal: AbortSignal): Promise<Consumer | undefined>
  /** Creates the consumer, or replaces the settings of the one with the id. */
  putConsumer(
    at: { queueId: string; id?: string },
    consumer: WantedConsumer,
    signal: AbortSignal,
  ): Promise<void>
  deleteConsumer(at: { queueId: string; id: string }, signal: AbortSignal): Promise<void>
  workflow(name: string, signal: AbortSignal): Promise<PresentWorkflow | undefined>
  putWorkflow(name: string, definition: Record<string, unknown>, signal: AbortSignal): Promise<void>
  deleteWorkflow(name: string, signal: AbortSignal): Promise<void>
  /** Changes the given settings of a script; omitted ones stay. */
  setScriptSettings(script: string, settings: Record<string, unknown>, signal: AbortSignal): Promise<void>
}

export interface WantedConsumer {
  script: string
  deadLetterQueue: string | null
  settings: Record<string, unknown>
}

const scheduleList = z.object({ schedules: z.array(z.object({ cron: z.string() })) })
const queueList = z.array(z.object({ queue_id: z.string(), queue_name: z.string() }))
const consumerList = z.array(
  z.object({
    consumer_id: z.string(),
    script_name: z.string().optional(),
    // Older answers name the Worker so.
    script: z.string().optional(),
    service: z.string().optional(),
    dead_letter_queue: z.string().nullish(),
    settings: z.record(z.string(), z.unknown()).default({}),
  }),
)
const workflowDetail = z.object({
  script_name: z.string(),
  class_name: z.string(),
  schedules: z.array(z.object({ cron: z.string() })).default([]),
})
const workflowVersions = z.array(
  z.object({
    limits: z.record(z.string(), z.unknown()).optional(),
    concurrency: z.record(z.string(), z.unknown()).optional(),
    default_retention: z.record(z.string(), z.unknown()).optional(),
  }),
)

const noScript = new Set([10007, 10090, 10222])
const noWorkflow = new Set([10200])
const noConsumer = new Set([11006])

export function createTriggersApi(http: CloudHttp, accountId: string): TriggersApi {
  const account = `/accounts/${accountId}`
  const scriptPath = (script: string) => `${account}/workers/scripts/${encodeURIComponent(script)}`
  const consumersPath = (queueId: string) => `${account}/queues/${queueId}/consumers`
  const workflowPath = (name: string) => `${account}/workflows/${encodeURIComponent(name)}`
  const write = async (
    method: 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    call: { json?: unknown; signal: AbortSignal },
  ) => {
    await http.write(z.unknown(), { method, path, ...call })
  }
  return {
    async schedules(script, signal) {
      const call = http.read(scheduleList, { path: `${scriptPath(script)}/schedules`, signal })
      return (await orElse(call, noScript, { schedules: [] })).schedules.map(({ cron }) => cron)
    },
    setSchedules: (script, crons, signal) =>
      write('PUT', `${scriptPath(script)}/schedules`, { json: crons.map((cron) => ({ cron })), signal }),
    async queue(name, signal) {
      const path = `${account}/queues?name=${encodeURIComponent(name)}`
      const found = (await http.read(queueList, { path, signal })).find((each) => each.queue_name === name)
      return found && { id: found.queue_id, name }
    },
    async consumer(queueId, signal) {
      const [found] = await http.read(consumerList, { path: consumersPath(queueId), signal })
      if (found === undefined) return undefined
      return {
        id: found.consumer_id,
        script: found.script_name ?? found.script ?? found.service ?? null,
        deadLetterQueue: found.dead_letter_queue || null,
        settings: found.settings,
      }
    },
    async putConsumer({ queueId, id }, { script, deadLetterQueue, settings }, signal) {
      const json = {
        type: 'worker',
        script_name: script,
        ...(deadLetterQueue === null ? {} : { dead_letter_queue: deadLetterQueue }),
        settings,
      }
      const path = consumersPath(queueId)
      await (id === undefined
        ? write('POST', path, { json, signal })
        : write('PUT', `${path}/${id}`, { json, signal }))
    },
    deleteConsumer: ({ queueId, id }, signal) =>
      orElse(write('DELETE', `${consumersPath(queueId)}/${id}`, { signal }), noConsumer, undefined),
    async workflow(name, signal) {
      const call = http.read(workflowDetail, { path: workflowPath(name), signal })
      const found = await orElse<z.output<typeof workflowDetail> | undefined>(call, noWorkflow, undefined)
      if (found === undefined) return undefined
      const { script_name: script, class_name: className, schedules } = found
      // The newest version comes first.
      const newest = { path: `${workflowPath(name)}/versions?per_page=1`, signal }
      const [version = {}] = await orElse(http.read(workflowVersions, newest), noWorkflow, [])
      return { script, className, definition: { ...version, ...(schedules.length > 0 ? { schedules } : {}) } }
    },
    putWorkflow: (name, definition, signal) => write('PUT', workflowPath(name), { json: definition, signal }),
    deleteWorkflow: (name, signal) =>
      orElse(write('DELETE', workflowPath(name), { signal }), noWorkflow, undefined),
    setScriptSettings: (script, settings, signal) =>
      write('PATCH', `${scriptPath(script)}/script-settings`, { json: settings, signal }),
  }
}

/** The other value if the call is refused with one of the codes. */
async function orElse<T>(call: Promise<T>, codes: Set<number>, other: T): Promise<T> {
  try {
    return await call
  } catch (error) {
    if (error instanceof CloudError && codes.has(error.code)) return other
    throw error
  }
}
