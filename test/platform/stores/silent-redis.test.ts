import { describe, expect, inject, it } from 'vitest'
import { createTestContext, startEngine } from '../../helpers/context.ts'
import { startTcpProxy } from '../../helpers/tcp-proxy.ts'
import { until } from '../../helpers/until.ts'
import { bound, done, enqueue, rowOf, testJob } from '../jobs/job-harness.ts'

const recoveryMs = 15_000
const job = testJob(done)

const options = { skip: inject('redisUrl') === undefined, concurrent: true, timeout: 90_000 }

describe('a Redis that falls silent', options, () => {
  it.for([
    ['on existing connections, permanently', 'freezeExisting'],
    ['on all connections, temporarily', 'freeze'],
  ] as const)('%s is used again within the recovery limit', async ([, fault], { onTestFinished }) => {
    const proxy = await startTcpProxy(inject('redisUrl') ?? '')
    onTestFinished(() => proxy.cut())
    const ctx = await createTestContext({
      backend: 'redis',
      env: { REDIS_URL: proxy.url },
      jobs: () => bound(job),
    })
    onTestFinished(ctx.dispose)
    const engine = await startEngine(ctx, { queues: ['work'] })
    onTestFinished(engine.stop)
    const isDone = async (id: string) => (await rowOf(ctx, id)).state === 'completed'
    const first = await enqueue(ctx, job)
    await until(() => isDone(first))
    proxy[fault]()
    const second = await enqueue(ctx, job)
    if (fault === 'freeze') {
      // Longer than every time limit of a connection.
      await new Promise((resolve) => setTimeout(resolve, 16_000))
      proxy.thaw()
    }
    const startedAt = Date.now()
    await until(() => isDone(second), { timeoutMs: 40_000 })
    await until(() => ctx.queues.available(), { timeoutMs: 40_000 })
    expect(Date.now() - startedAt).toBeLessThan(recoveryMs)
  })
})
