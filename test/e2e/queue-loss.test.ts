import { afterAll, beforeAll, beforeEach, describe, expect, inject, test, vi } from 'vitest'
import { type Stack, startStack } from '../helpers/stack.ts'
import { until } from '../helpers/until.ts'
import { type Api, adminPassword, saying, signIn } from './support/client.ts'
import { createGate, type Gate } from './support/gate.ts'
import { loseEverything } from './support/lose-everything.ts'
import { type OwnRedis, startOwnRedis } from './support/own-redis.ts'

// Real processes start and end in these tests, which takes long on a busy machine.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 })

let stack: Stack
let api: Api
let gate: Gate
let redis: OwnRedis | undefined

describe.skipIf(inject('redisUrl') === undefined)('queues on Redis', () => {
  beforeAll(async () => {
    redis = await startOwnRedis()
    gate = await createGate()
    stack = await startStack({ env: { ADMIN_PASSWORD: adminPassword, REDIS_URL: redis.url } })
    api = await signIn(stack)
  })
  beforeEach(() => gate.open())
  afterAll(async () => {
    await stack?.dispose()
    await gate?.close()
    await redis?.dispose()
  })

  const health = async () => (await api.call('/health', { token: null })).json

  test('lose no accepted deployment by a FLUSHALL', async () => {
    await loseEverything({ stack, api, gate }, async () => redis?.flush())
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
