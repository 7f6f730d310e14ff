import express from 'express'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createListener } from '../../src/platform/events/index.ts'
import { createHttpServer } from '../../src/platform/http/index.ts'
import { installationNamed } from '../../src/platform/installation/installation-id.ts'
import {
  createLeaseKeeper,
  createOutboxDispatcher,
  createQueueWorker,
  createReconciler,
  createRunner,
} from '../../src/platform/jobs/index.ts'
import { concurrently, createLoop, type Service } from '../../src/platform/process/lifecycle.ts'
import { createQueues, type Queues } from '../../src/platform/queues/index.ts'
import { backends, createTestContext, silent, type TestContext } from '../helpers/context.ts'
import { until } from '../helpers/until.ts'
import { bound, deliveryOf, done, enqueue, gate, rowOf, testJob } from './jobs/job-harness.ts'

const log = silent
const job = testJob(done)
const loop = () => createLoop({ name: 'loop', intervalMs: 5, log }, async () => undefined)
const nudge = () => undefined

/** Every kind of service that a process has. A fresh one for each case, since none starts twice. */
const kinds: [string, (ctx: TestContext) => Service][] = [
  ['loop', loop],
  ['several together', () => concurrently('both', [loop(), loop()])],
  ['dispatcher', createOutboxDispatcher],
  ['reconciler', (ctx) => createReconciler({ ...ctx, jobs: bound(job), nudge })],
  ['lease keeper', (ctx) => createLeaseKeeper(ctx)],
  ['listener', (ctx) => createListener(ctx.database.url, log)],
  ['queue worker', (ctx) => workerOf(ctx, ctx.queues)],
  ['http server', () => createHttpServer(express(), { host: '127.0.0.1', port: 0 })],
]

function workerOf(ctx: TestContext, queues: Queues) {
  const keeper = createLeaseKeeper(ctx)
  const runner = createRunner({ db: ctx.db, jobs: bound(job), keeper, log, nudge })
  return createQueueWorker({ queue: 'work', concurrency: 2, queues, runner })
}

/** What keeps this process alive, by kind; timers that were let go of are not in it. */
function heldOpen(): Record<string, number> {
  const held: Record<string, number> = { Timeout: 0, TCPSocketWrap: 0, TCPServerWrap: 0 }
  for (const kind of process.getActiveResourcesInfo()) if (kind in held) held[kind] = (held[kind] ?? 0) + 1
  return held
}

describe.each(kinds)('the %s as a service', (_name, make) => {
  let ctx: TestContext
  beforeAll(async () => {
    ctx = await createTestContext()
  })
  afterAll(() => ctx?.dispose())

  const orders: [string, (service: Service) => Promise<unknown>][] = [
    ['may be stopped before it was started', (it) => it.stop()],
    ['does not start after it was stopped', (it) => it.stop().then(() => it.start())],
    [
      'starts and stops once, however often it is called',
      (it) => Promise.all([it.start(), it.start(), it.stop(), it.stop()]),
    ],
    ['may be stopped while it starts', (it) => Promise.all([it.start(), it.stop()])],
    [
      'accepts a second start and a second stop',
      async (it) => {
        await it.start()
        await it.start()
        await it.stop()
        await it.stop()
      },
    ],
  ]

  it.each(orders)('%s', async (_name, order) => {
    // The pool's own connections come and go: they are no part of the comparison.
    await ctx.db.raw('select 1')
    const before = heldOpen()
    const queues = { ...ctx.queues }
    const service = make({ ...ctx, queues })
    await order(service)
    await until(
      () => {
        const now = heldOpen()
        return Object.keys(before).every((kind) => (now[kind] ?? 0) <= (before[kind] ?? 0) + slack(kind))
      },
      { what: 'it holds nothing open' },
    )
    await service.stop()
  })

  // Two connections may be open to the pools of the context that the service used; `dispose` counts those.
  const slack = (kind: string) => (kind === 'TCPServerWrap' ? 0 : 4)
})

describe('a loop', () => {
  it('stop waits for the current run, and no run follows', async () => {
    const [began, end] = [gate(), gate()]
    let runs = 0
    const service = createLoop({ name: 'loop', intervalMs: 0, log }, async () => {
      runs += 1
      began.resolve()
      await end.promise
    })
    await service.start()
    await began.promise
    service.nudge()
    let stopped = false
    const stopping = service.stop().then(() => {
      stopped = true
    })
    await Promise.resolve()
    expect(stopped).toBe(false)
    end.resolve()
    await stopping
    service.nudge()
    await new Promise((resolve) => setImmediate(resolve))
    expect(runs).toBe(1)
  })

  it('aborts the signal of its run when it is stopped', async () => {
    const began = gate()
    const service = createLoop({ name: 'loop', intervalMs: 0, log }, async (signal) => {
      began.resolve()
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
    })
    await service.start()
    await began.promise
    await service.stop()
  })

  it('runs once more after nudges during a run, and never concurrently', async () => {
    let running = 0
    let runs = 0
    const gates = [gate(), gate(), gate()]
    const service = createLoop({ name: 'loop', intervalMs: 60_000, log }, async () => {
      running += 1
      expect(running).toBe(1)
      await gates[runs++]?.promise
      running -= 1
    })
    await service.start()
    service.nudge()
    service.nudge()
    gates[0]?.resolve()
    await until(() => runs === 2)
    gates[1]?.resolve()
    await until(() => running === 0)
    service.nudge()
    await until(() => runs === 3)
    gates[2]?.resolve()
    await service.stop()
    expect(runs).toBe(3)
  })

  it('continues after a failed run', async () => {
    let runs = 0
    const service = createLoop({ name: 'loop', intervalMs: 1, log }, async () => {
      runs += 1
      throw new Error('again')
    })
    await service.start()
    await until(() => runs >= 3)
    await service.stop()
  })
})

describe.each(backends())('a queue worker over %s', (backend) => {
  it('stop waits for the current attempt', async () => {
    const [began, end] = [gate(), gate()]
    const slow = testJob(async () => {
      began.resolve()
      await end.promise
      return { kind: 'done' }
    })
    const ctx = await createTestContext({ backend, jobs: () => bound(slow) })
    const keeper = createLeaseKeeper(ctx)
    const runner = createRunner({ db: ctx.db, jobs: ctx.jobs, keeper, log, nudge })
    const worker = createQueueWorker({ queue: 'work', concurrency: 1, queues: ctx.queues, runner })
    await worker.start()
    await ctx.outboxDispatcher.start()
    const id = await enqueue(ctx, slow)
    await began.promise
    const stopping = worker.stop()
    const late = await enqueue(ctx, slow)
    end.resolve()
    await stopping
    expect((await rowOf(ctx, id)).state).toBe('completed')
    expect((await rowOf(ctx, late)).state).toBe('queued')
    expect(await runner.run(deliveryOf(late))).toEqual({ kind: 'completed' })
    await ctx.dispose()
  })

  it('starts before its queue store is reachable', async () => {
    const ctx = await createTestContext({ backend })
    const away = createQueues({
      databaseUrl: 'postgresql://nobody@127.0.0.1:1/none',
      redisUrl: backend === 'redis' ? 'redis://127.0.0.1:1' : undefined,
      log,
      installation: installationNamed('test'),
    })
    const worker = workerOf(ctx, away)
    await worker.start()
    await worker.stop()
    await away.close()
    await ctx.dispose()
  })
})
