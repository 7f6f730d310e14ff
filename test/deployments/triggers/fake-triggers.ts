import type { ApiCall, Fault } from '../cloudflare/fault-proxy.ts'
import { refusal } from '../cloudflare/fault-proxy.ts'

interface FakeConsumer {
  consumer_id: string
  script_name: string
  dead_letter_queue: string
  settings: Record<string, unknown>
  type: 'worker'
}

const time = '2026-11-30T12:00:00Z'
const done = (result: unknown): Fault => ({
  kind: 'answer',
  status: 200,
  body: JSON.stringify({ success: true, errors: [], messages: [], result }),
})

/** Answers for Cloudflare's API of schedules, queues and workflows, to be put before the local cloud. */
export function createFakeTriggers(queues: string[]) {
  const schedules = new Map<string, string[]>()
  const consumers = new Map<string, FakeConsumer>()
  const workflows = new Map<string, { script_name: string; class_name: string }>()
  let made = 0

  function ofSchedules({ method, body }: ApiCall, script: string): Fault {
    if (method === 'PUT') {
      const crons = body.map(({ cron }: { cron: string }) => cron)
      if (crons.length > 5)
        return refusal(400, 10072, 'This account has reached the limit of 5 cron triggers')
      schedules.set(script, crons)
    }
    return done({
      schedules: (schedules.get(script) ?? []).map((cron) => ({ cron, created_on: time, modified_on: time })),
    })
  }

  function ofConsumers({ method, body }: ApiCall, queue: string): Fault {
    const present = consumers.get(queue)
    if (method === 'GET') return done(present === undefined ? [] : [present])
    if (method === 'DELETE') {
      consumers.delete(queue)
      return done(null)
    }
    if (method === 'POST' && present !== undefined) return refusal(400, 11004, 'Queue already has a consumer')
    const consumer: FakeConsumer = {
      type: 'worker',
      consumer_id: present?.consumer_id ?? `consumer-${++made}`,
      script_name: body.script_name,
      dead_letter_queue: body.dead_letter_queue ?? '',
      settings: { batch_size: 10, max_retries: 3, ...body.settings },
    }
    consumers.set(queue, consumer)
    return done(consumer)
  }

  function ofWorkflow({ method, body }: ApiCall, name: string): Fault {
    if (method === 'PUT') workflows.set(name, body)
    const found = workflows.get(name)
    if (method === 'DELETE') {
      workflows.delete(name)
      return done({ status: 'ok', success: true })
    }
    if (found === undefined) return refusal(404, 10200, 'workflow not found')
    return done({
      ...found,
      name,
      id: name,
      created_on: time,
      modified_on: time,
      triggered_on: null,
      instances: {},
    })
  }

  return {
    schedules,
    consumers,
    workflows,
    answer(call: ApiCall): Fault | undefined {
      const [, script] = /\/scripts\/([^/]+)\/schedules$/.exec(call.path) ?? []
      if (script !== undefined) return ofSchedules(call, script)
      if (/\/queues$/.test(call.path)) {
        return done(queues.map((name) => ({ queue_id: `id-${name}`, queue_name: name })))
      }
      const [, queue] = /\/queues\/id-([^/]+)\/consumers/.exec(call.path) ?? []
      if (queue !== undefined) return ofConsumers(call, queue)
      const [, workflow] = /\/workflows\/([^/]+)$/.exec(call.path) ?? []
      return workflow === undefined ? undefined : ofWorkflow(call, workflow)
    },
  }
}
