import { afterEach, describe, expect, inject, it } from 'vitest'
import { createTestContext, startEngine } from '../../helpers/context.ts'
import { startTcpProxy } from '../../helpers/tcp-proxy.ts'
import { until } from '../../helpers/until.ts'
import { bound, done, enqueue, rowOf, testJob } from '../jobs/job-harness.ts'

const recoveryMs = 15_000
const job = testJob(done)

describe.skipIf(inject('redisUrl') === undefined)('a Redis that falls silent', () => {
  const opened: (() => Promise<unknown>)[] = []
  afterEach(async () => {
    for (const close of opened.splice(0).reverse()) await close()
  })

  it.each([
    ['on existing connections, permanently', 'freezeExisting'],
    ['on all connections, temporarily', 'freeze'],
  ] as const)(
    '%s is used again within the recovery limit',
    async (_name, fault) => {
      const proxy = await startTcpProxy(inject('redisUrl') ?? '')
      opened.push(() => proxy.cut())
      const ctx = await createTestContext({
        backend: 'redis',
        env: { REDIS_URL: proxy.url },
        jobs: () => bound(job),
      })
      opened.push(ctx.dispose)
      const engine = await startEngine(ctx, { queues: ['work'] })
      opened.push(engine.stop)
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
    },
    90_000,
  )
})
