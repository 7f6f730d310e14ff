import { afterEach, describe, expect, it } from 'vitest'
import { CodedError } from '../../../src/platform/errors.ts'
import { createOutboxDispatcher } from '../../../src/platform/jobs/index.ts'
import {
  backends,
  createTestContext,
  type EngineOptions,
  silent,
  startEngine,
  type TestContext,
} from '../../helpers/context.ts'
import { until } from '../../helpers/until.ts'
import { bound, done, enqueue, gate, rowOf, type TestJob, testJob, untilAborted } from './job-harness.ts'
import { withOutages } from './queue-store.ts'

describe.each(backends())('deliveries over %s', (backend) => {
  const opened: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const close of opened.splice(0).reverse()) await close()
  })

  async function processOf(job: TestJob, options: EngineOptions & { beside?: TestContext } = {}) {
    const { beside, ...engineOptions } = options
    const base = { backend, jobs: () => bound(job) }
    const ctx = await createTestContext(beside === undefined ? base : { ...base, beside })
    opened.push(ctx.dispose)
    const engine = await startEngine(ctx, { queues: ['work'], ...engineOptions })
    opened.push(engine.stop)
    return { ctx, engine }
  }

  const ended = (ctx: TestContext, id: string, state: string) =>
    until(async () => (await rowOf(ctx, id)).state === state, { what: `the job is ${state}` })

  it('creates a job if and only if the transaction commits', async () => {
    const ran: string[] = []
    const job = testJob(async (payload) => {
      ran.push(payload.key)
      return { kind: 'done' }
    })
    const { ctx } = await processOf(job)
    const undone = ctx.db.transaction(async (trx) => {
      await ctx.enqueue(trx, job, { payload: { key: 'undone' } })
      throw new Error('no')
    })
    await expect(undone).rejects.toThrow('no')
    const id = await ctx.db.transaction(async (trx) => {
      const made = await ctx.enqueue(trx, job, { payload: { key: 'kept' } })
      // Whatever the dispatcher does meanwhile, it can't see the row.
      ctx.outboxDispatcher.nudge()
      expect(await ctx.db('jobs').where({ id: made })).toEqual([])
      return made
    })
    await ended(ctx, id, 'completed')
    expect(ran).toEqual(['kept'])
    expect(await ctx.db('jobs').count('* as n').first()).toEqual({ n: '1' })
    const counts = await until(async () => {
      const now = await ctx.queues.get('work').getJobCounts()
      return now.completed === 1 && now
    })
    expect(counts).toMatchObject({ completed: 1, waiting: 0, delayed: 0, active: 0, failed: 0 })
  })

  it('retries a job with backoff until it succeeds', async () => {
    const job = testJob(
      async (_payload, run) => {
        if (run.attempt < 3) throw new CodedError('SYS_004', 'late')
        return { kind: 'done' }
      },
      { backoff: { firstMs: 20, maxMs: 20 } },
    )
    const { ctx } = await processOf(job)
    const id = await enqueue(ctx, job)
    await ended(ctx, id, 'completed')
    expect(await rowOf(ctx, id)).toMatchObject({ attempt: 3, crashes: 0, error: null })
  })

  it('reports only error codes to the queue library, never messages', async () => {
    const job = testJob(async () => {
      throw new CodedError('DEPLOY_001', 'a message for the row')
    })
    const { ctx } = await processOf(job)
    const id = await enqueue(ctx, job)
    await ended(ctx, id, 'failed')
    const delivery = await until(() => ctx.queues.get('work').getJob(`${id}-1`))
    await until(async () => (await delivery.getState()) === 'failed')
    const kept = await ctx.queues.get('work').getJob(`${id}-1`)
    expect(kept?.failedReason).toBe('DEPLOY_001')
    expect(kept?.data).toEqual({ job: id })
  })

  it('two processes share a queue and run each job once', async () => {
    const ran: string[] = []
    const job = testJob(async (payload) => {
      ran.push(payload.key)
      return { kind: 'done' }
    })
    const { ctx } = await processOf(job)
    await processOf(job, { beside: ctx })
    const keys = Array.from({ length: 40 }, (_, n) => `shared-${n}`)
    await ctx.db.transaction(async (trx) => {
      for (const key of keys) await ctx.enqueue(trx, job, { payload: { key } })
    })
    await until(async () => (await ctx.db('jobs').where({ state: 'completed' })).length === keys.length)
    expect(ran.toSorted()).toEqual(keys.toSorted())
  })

  it('cancels a job that runs in another process', async () => {
    const began = gate()
    const job = testJob(async (_payload, run) => {
      began.resolve()
      return untilAborted(run.signal)
    })
    const { ctx } = await processOf(job)
    const web = await createTestContext({ backend, beside: ctx, jobs: () => bound(job) })
    opened.push(web.dispose)
    const id = await enqueue(ctx, job)
    await began.promise
    const asked = await web.db.transaction((trx) => web.jobActions.cancel(trx, id))
    expect(asked).toMatchObject({ state: 'running' })
    expect(asked.cancelRequestedAt).not.toBeNull()
    await ended(ctx, id, 'cancelled')
  })

  it('a stopping process hands its running job over to another process', async () => {
    const began = gate()
    let stopping = false
    const job = testJob(async (_payload, run) => {
      if (stopping) return { kind: 'done' }
      began.resolve()
      return untilAborted(run.signal)
    })
    const { ctx, engine } = await processOf(job)
    const id = await enqueue(ctx, job)
    await began.promise
    stopping = true
    await engine.stop()
    expect(await rowOf(ctx, id)).toMatchObject({ state: 'queued', attempt: 0 })
    await processOf(job, { beside: ctx })
    await ended(ctx, id, 'completed')
    expect(await rowOf(ctx, id)).toMatchObject({ attempt: 1, crashes: 0 })
  })

  it.each(['away', 'refusing'] as const)(
    'jobs accepted while the queue store is %s are kept and delivered afterwards',
    async (outage) => {
      const job = testJob(done)
      const { ctx } = await processOf(job, { without: ['dispatcher', 'reconciler'] })
      const store = withOutages(ctx.queues)
      const dispatcher = createOutboxDispatcher({ db: ctx.db, queues: store.queues, log: silent })
      store.set(outage)
      const ids = [await enqueue(ctx, job), await enqueue(ctx, job)]
      await dispatcher.start()
      opened.push(dispatcher.stop)
      await until(() => !dispatcher.healthy())
      await until(async () => (await ctx.db('jobs').where({ undelivered: true })).length === 2)
      expect(await ctx.queues.get('work').getJobCounts()).toMatchObject({ waiting: 0, completed: 0 })
      store.set('up')
      dispatcher.nudge()
      for (const id of ids) await ended(ctx, id, 'completed')
      expect(dispatcher.healthy()).toBe(true)
    },
  )
})
