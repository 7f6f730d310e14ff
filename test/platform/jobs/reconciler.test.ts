import { afterEach, describe, expect, it } from 'vitest'
import { CodedError } from '../../../src/platform/errors.ts'
import { claimJobs } from '../../../src/platform/jobs/execution/leases.ts'
import type { Run } from '../../../src/platform/jobs/index.ts'
import { createReconciler } from '../../../src/platform/jobs/index.ts'
import { takeUndelivered } from '../../../src/platform/jobs/outbox/outbox.ts'
import { backends, createTestContext, silent, startEngine, type TestContext } from '../../helpers/context.ts'
import { until } from '../../helpers/until.ts'
import { bound, done, enqueue, expireLease, gate, rowOf, type TestJob, testJob } from './job-harness.ts'
import { emptyQueueStore, withOutages } from './queue-store.ts'

describe.each(backends())('work without a live delivery, over %s', (backend) => {
  const opened: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const close of opened.splice(0).reverse()) await close()
  })

  async function contextOf(job: TestJob, beside?: TestContext): Promise<TestContext> {
    const base = { backend, jobs: () => bound(job) }
    const ctx = await createTestContext(beside === undefined ? base : { ...base, beside })
    opened.push(ctx.dispose)
    return ctx
  }

  async function run(ctx: TestContext, options: { concurrency?: number } = {}) {
    const engine = await startEngine(ctx, { queues: ['work'], ...options })
    opened.push(engine.stop)
    return engine
  }

  const allCompleted = (ctx: TestContext) =>
    until(async () => (await ctx.db('jobs').whereNot({ state: 'completed' })).length === 0, {
      timeoutMs: 20_000,
      what: 'every job is completed',
    })

  /** As if every delivery had been made longer ago than the reconciler gives them to arrive. */
  const age = (ctx: TestContext) =>
    ctx
      .db('jobs')
      .whereNull('finished_at')
      .update({
        delivered_at: ctx.db.raw("now() - interval '1 minute'"),
        run_at: ctx.db.raw('least(run_at, now())'),
      })

  it('a job taken from the outbox by a process that died is delivered again', async () => {
    const job = testJob(done)
    const ctx = await contextOf(job)
    const id = await enqueue(ctx, job)
    expect((await takeUndelivered(ctx.db, 10)).deliveries).toHaveLength(1)
    await age(ctx)
    await run(ctx)
    await allCompleted(ctx)
    expect((await ctx.db('jobs').where({ id }).first()).delivery).toBe(2)
  })

  it('a job of a dead worker runs in another one, and the late result of the dead worker is ignored', async () => {
    const late = gate()
    const began = gate()
    const job = testJob(async (_payload, run) => {
      if (run.attempt > 1) return { kind: 'done' }
      began.resolve()
      await late.promise
      throw new CodedError('DEPLOY_001', 'from the grave')
    })
    const ctx = await contextOf(job)
    const dead = await startEngine(ctx, { queues: ['work'], without: ['keeper', 'reconciler'] })
    opened.push(dead.stop)
    const id = await enqueue(ctx, job)
    await began.promise
    await expireLease(ctx, id)
    await run(await contextOf(job, ctx))
    await allCompleted(ctx).finally(late.resolve)
    await until(() => dead.keeper.count() === 0)
    expect(await rowOf(ctx, id)).toMatchObject({ state: 'completed', attempt: 2, crashes: 1, error: null })
  })

  it('queued, retrying and running jobs complete after the queue store has lost all data', async () => {
    const hold = gate()
    const began = gate()
    const job = testJob(
      async (payload, run) => {
        const span = await begin(run)
        if (payload.key === 'running') {
          began.resolve()
          await hold.promise
        }
        if (payload.key === 'retrying' && run.attempt === 1) throw new CodedError('SYS_004', 'once')
        return {
          kind: 'done',
          commit: (trx) =>
            trx('spans')
              .where({ span })
              .update({ ended: clock(trx) }),
        }
      },
      { backoff: { firstMs: 60_000, maxMs: 60_000 } },
    )
    const ctx = await contextOf(job)
    await ctx.db.raw(
      'create table spans (span serial, job uuid, began timestamptz default clock_timestamp(), ended timestamptz)',
    )
    const other = await contextOf(job, ctx)
    for (const each of [ctx, other]) await run(each, { concurrency: 1 })
    const retrying = await enqueue(ctx, job, 'retrying')
    await until(async () => (await rowOf(ctx, retrying)).state === 'retrying')
    await enqueue(ctx, job, 'running')
    await began.promise
    // A paused queue keeps what it is given.
    await ctx.queues.get('work').pause()
    const queued = await enqueue(ctx, job, 'queued')
    await until(async () =>
      ['waiting', 'paused'].includes(await ctx.queues.get('work').getJobState(`${queued}-1`)),
    )

    await emptyQueueStore(ctx)
    await age(ctx)
    await until(async () => (await ctx.db('jobs').where({ state: 'completed' })).length === 2, {
      timeoutMs: 20_000,
    })
    hold.resolve()
    await allCompleted(ctx)
    const { rows } = await ctx.db.raw(
      `select 1 from spans a join spans b on a.job = b.job and a.span < b.span
       where a.ended > b.began and a.began < coalesce(b.ended, 'infinity')`,
    )
    expect(rows).toEqual([])
    expect(await ctx.db('spans').whereNotNull('ended')).toHaveLength(3)

    async function begin(run: Run): Promise<number> {
      const [row] = await run.write((trx) => trx('spans').insert({ job: run.jobId }).returning('span'))
      return row.span
    }
  })

  it('jobs still leased by a dead worker run once when two processes get their deliveries', async () => {
    const job = testJob(done)
    const ctx = await contextOf(job)
    const ids: string[] = []
    for (let n = 0; n < 20; n++) ids.push(await enqueue(ctx, job))
    await claimJobs(ctx.db, ids, 'a holder that dies')
    const soon = "clock_timestamp() + interval '1500 milliseconds'"
    await ctx.db('jobs').update({ lease_until: ctx.db.raw(soon), undelivered: true })
    for (const each of [ctx, await contextOf(job, ctx)]) await run(each)
    await allCompleted(ctx)
    const rows = await ctx.db('jobs').distinct('attempt', 'crashes')
    expect(rows).toEqual([{ attempt: 2, crashes: 1 }])
  })

  it('no job stays locked while the queue store does not respond', async () => {
    const job = testJob(done)
    const ctx = await contextOf(job)
    const id = await enqueue(ctx, job)
    await takeUndelivered(ctx.db, 10)
    await age(ctx)
    const store = withOutages(ctx.queues)
    store.set('silent')
    const options = { db: ctx.db, queues: store.queues, jobs: bound(job), log: silent }
    const reconciler = createReconciler({ ...options, nudge: () => undefined })
    await reconciler.start()
    opened.push(reconciler.stop)
    // It holds its sweep's lock for as long as it waits for the answer.
    await until(async () => {
      const { rows } = await ctx.db.raw(
        `select 1 from pg_locks join pg_database d on d.oid = database
         where locktype = 'advisory' and datname = current_database()`,
      )
      return rows.length > 0 && (await ctx.db('jobs').whereNotNull('checked_at')).length > 0
    })
    const cancelled = await ctx.db.transaction(async (trx) => {
      await trx.raw("set local lock_timeout = '1s'")
      return ctx.jobActions.cancel(trx, id)
    })
    expect(cancelled.state).toBe('cancelled')
    store.set('up')
  })
})

const clock = (trx: { raw(sql: string): unknown }) => trx.raw('clock_timestamp()') as string
