import type { Worker } from 'bullmq'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { installationNamed } from '../../../src/platform/installation/installation-id.ts'
import { createQueues, type DeliveryQueue, type Queues } from '../../../src/platform/queues/index.ts'
import { createTestContext, silent, type TestContext } from '../../helpers/context.ts'
import { startTcpProxy } from '../../helpers/tcp-proxy.ts'
import { until } from '../../helpers/until.ts'

describe('a connection that the queue library has borrowed', () => {
  let ctx: TestContext
  beforeAll(async () => {
    ctx = await createTestContext()
  })
  afterAll(async () => {
    await ctx?.dispose()
  })

  const borrowers: [string, (queues: Queues) => DeliveryQueue | Worker][] = [
    ['a producer', (queues) => queues.get('work')],
    ['a worker', (queues) => queues.createWorker('work', async () => undefined, { concurrency: 1 })],
  ]
  // An uncaught error fails the run.
  it.each(borrowers)(
    'that is cut during %s fails its query but not the process; the connection is replaced',
    async (who, make) => {
      const proxy = await startTcpProxy(ctx.database.url)
      let borrower: DeliveryQueue | Worker | undefined
      const queues = createQueues({
        ...{ databaseUrl: proxy.url, redisUrl: undefined, log: silent },
        installation: installationNamed('test'),
      })
      await ctx.db.transaction(async (trx) => {
        // What the library asks first has to wait, with its connection in hand.
        await trx.raw('lock table bullmq.migration in access exclusive mode')
        const waiting = async () =>
          (
            await ctx
              .db('pg_locks')
              .where({ granted: false })
              .whereRaw("relation = 'bullmq.migration'::regclass")
          ).length > 0
        borrower = make(queues)
        const failed = borrower.waitUntilReady().then(
          () => 'ready',
          (error: Error) => error.message,
        )
        await until(waiting)
        await proxy.cut()
        expect(await failed).toMatch(/terminated|ended|reset/i)
      })
      await proxy.restore()
      // The library by itself keeps a try that failed, for ever.
      await until(() => borrower?.waitUntilReady().then(() => true))
      const others = ctx.queues.get('work')
      if (who === 'a worker') await until(async () => (await others.getWorkersCount()) === 1)
      else expect((await queues.get('work').add('x', { job: 'x' })).id).toBeDefined()
      await borrower?.close()
      await queues.close()
      await proxy.cut()
    },
  )
})
