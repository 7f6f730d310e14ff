import { expect } from 'vitest'
import { until } from '../../helpers/until.ts'
import { query, saying, visit } from './client.ts'
import type { Gate } from './gate.ts'
import type { Installation } from './installation.ts'

/** Empties the queue store while one deployment is running, held by the gate, and six more are queued. */
export async function loseEverything(
  { stack, api, gate }: Installation & { gate: Gate },
  empty: () => Promise<unknown>,
) {
  gate.shut()
  const held = await api.begin({ app: 'held', ...gate.app('held') })
  await gate.waiting()
  const plans = await Promise.all(
    Array.from({ length: 6 }, (_, n) => api.prepare({ app: `other-${n}`, script: saying(`other ${n}`) })),
  )
  // A paused queue keeps its deliveries: all six are lost before a worker has fetched one.
  expect((await api.call('/admin/queues/api/queues/deploy-step/pause', { method: 'PUT' })).status).toBe(200)
  const accepted = await Promise.all(plans.map((id) => api.start(id)))
  expect(accepted.map((answer) => answer.status)).toEqual(Array(6).fill(202))
  const inOutbox = `select id from jobs where state = 'queued' and undelivered`
  await until(async () => (await query(stack, inOutbox)).length === 0, { what: 'all are delivered' })
  for (const id of plans) expect((await api.status(id)).status).toBe('initiated')
  await empty()
  gate.open()
  const ended = await Promise.all([held, ...plans].map((id) => api.follow(id)))
  expect(ended.map((each) => each.status)).toEqual(Array(7).fill('completed'))
  for (const { events } of ended) {
    expect(events.map((event) => event.id)).toEqual(events.map((_, index) => index + 1))
    const completed = events.filter(({ type, data }) => type === 'step' && data.status === 'completed')
    expect(completed).toHaveLength(8)
  }
  expect((await visit(stack, 'other-3-staging')).text).toBe('other 3')
}
