import { afterAll, beforeAll, beforeEach, describe, expect, inject, test, vi } from 'vitest'
import { type Stack, startStack } from '../helpers/stack.ts'
import { until } from '../helpers/until.ts'
import { type Api, adminPassword, query, saying, signIn, visit } from './support/client.ts'
import { createGate, type Gate } from './support/gate.ts'
import { type OwnRedis, startOwnRedis } from './support/own-redis.ts'

// Real processes start and end in these tests, which takes long on a busy machine.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 })

let stack: Stack
let api: Api
let gate: Gate
let redis: OwnRedis | undefined

async function begin(env: Record<string, string> = {}) {
  gate = await createGate()
  stack = await startStack({ env: { ADMIN_PASSWORD: adminPassword, ...env } })
  api = await signIn(stack)
}

async function end() {
  await stack?.dispose()
  await gate?.close()
  await redis?.dispose()
}

/** Empties the queue store while one deployment is running, held by the gate, and six more are queued. */
async function loseEverything(empty: () => Promise<unknown>) {
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

describe('truncated tables of the queue library', () => {
  beforeAll(() => begin())
  afterAll(end)

  const count = async (what: string) =>
    Number((await query<{ n: string }>(stack, `select count(*) as n ${what}`))[0]?.n)

  test('lose no accepted deployment and no schedule', async () => {
    const tables = await query<{ name: string }>(
      stack,
      `select format('%I.%I', schemaname, tablename) as name from pg_tables
       where schemaname = 'bullmq' and tablename <> 'migration'`,
    )
    const names = tables.map((table) => table.name)
    expect(names).toContain('bullmq.job')
    await loseEverything(() => query(stack, `truncate ${names.join(', ')} cascade`))
    // Polling and housekeeping are due according to their own rows.
    expect(await count('from job_schedules where next_at > now()')).toBeGreaterThanOrEqual(2)
  })
})

describe.skipIf(inject('redisUrl') === undefined)('queues on Redis', () => {
  beforeAll(async () => {
    redis = await startOwnRedis()
    await begin({ REDIS_URL: redis.url })
  })
  beforeEach(() => gate.open())
  afterAll(end)

  const health = async () => (await api.call('/health', { token: null })).json

  test('lose no accepted deployment by a FLUSHALL', async () => {
    await loseEverything(async () => redis?.flush())
  })

  test('accept a deployment while Redis is down, report degraded, and complete it afterwards', async () => {
    await redis?.stop()
    const id = await api.prepare({ app: 'patient', script: saying('patient') })
    const accepted = await api.start(id)
    expect(accepted.status).toBe(202)
    expect(accepted.json.data).toMatchObject({ status: 'initiated' })
    const degraded = await api.call('/health', { token: null })
    expect(degraded.status).toBe(200)
    expect(degraded.json).toMatchObject({ status: 'degraded', database: 'healthy', queue: 'unhealthy' })
    const ready = await api.call('/health/ready', { token: null })
    expect([ready.status, ready.json]).toEqual([
      200,
      { status: 'ready', database: 'healthy', redis: 'unhealthy' },
    ])

    await redis?.start()
    expect((await api.follow(id)).status).toBe('completed')
    await until(async () => (await health()).status === 'healthy')
  })

  test('complete a deployment although Redis is killed during a step and restarts empty', async () => {
    gate.shut()
    const before = stack.pids()
    const id = await api.begin({ app: 'unlucky', ...gate.app('unlucky') })
    await gate.waiting(1, 'unlucky')
    await redis?.stop()
    gate.open()
    await until(async () => (await health()).status === 'degraded')
    await redis?.start()
    const ended = await api.follow(id)
    expect(ended.status).toBe('completed')
    expect(stack.pids()).toEqual(before)
  })
})
