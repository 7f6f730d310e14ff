import { afterEach, describe, expect, it } from 'vitest'
import { LostLease, type Run } from '../../../src/platform/jobs/index.ts'
import { createTestContext, startEngine, type TestContext } from '../../helpers/context.ts'
import { until } from '../../helpers/until.ts'
import {
  bound,
  deliveryOf,
  done,
  enqueue,
  eventsOf,
  expireLease,
  gate,
  rawRow,
  rowOf,
  startDirect,
  testJob,
  untilAborted,
} from './job-harness.ts'

describe('leases and fences', () => {
  const opened: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const close of opened.splice(0).reverse()) await close()
  })

  /** Runs of one job that the test ends, in the order in which they began. */
  function held() {
    const runs: { run: Run; end: ReturnType<typeof gate<void>> }[] = []
    const job = testJob(async (_payload, run) => {
      const end = gate()
      runs.push({ run, end })
      await end.promise
      return { kind: 'done' }
    })
    return { job, runs, nth: (n: number) => until(() => runs[n], { what: `run ${n} began` }) }
  }

  async function direct(...args: Parameters<typeof startDirect>) {
    const made = await startDirect(...args)
    opened.push(made.dispose)
    return made
  }

  it('every write of a worker paused beyond its lease is refused and changes nothing', async () => {
    const { job, nth } = held()
    const a = await direct([job])
    const b = await direct([job], { beside: a.ctx })
    await a.ctx.db.raw('create table marks (mark text)')
    const id = await enqueue(a.ctx, job)
    const first = a.deliver(id)
    const holderA = await nth(0)
    await expireLease(a.ctx, id)
    const second = b.deliver(id)
    const holderB = await nth(1)

    const write = (run: Run, mark: string) => run.write((trx) => trx('marks').insert({ mark }))
    await expect(write(holderA.run, 'a')).rejects.toThrow(LostLease)
    await write(holderB.run, 'b')
    const append = (run: Run, mark: string) =>
      run.appendEvents([{ stream: 'marks', type: 'message', data: mark }])
    await expect(append(holderA.run, 'a')).rejects.toThrow(LostLease)
    await append(holderB.run, 'b')
    expect(await a.ctx.db('events').where({ stream: 'marks' }).select('data')).toEqual([{ data: 'b' }])
    holderA.run.progress({ from: 'a' })
    await a.runner.idle()
    holderA.end.resolve()
    expect(await first).toEqual({ kind: 'completed' })
    expect(await rowOf(a.ctx, id)).toMatchObject({ state: 'running', attempt: 2, progress: null })

    holderB.end.resolve()
    await second
    expect(await rowOf(a.ctx, id)).toMatchObject({ state: 'completed', attempt: 2, crashes: 1 })
    expect(await a.ctx.db('marks').select('mark')).toEqual([{ mark: 'b' }])
    expect(await eventsOf(a.ctx, id)).toEqual([
      ['state', 'running'],
      ['state', 'running'],
      ['end', 'completed'],
    ])
  })

  it('a write that started in time finishes before another worker can claim the job', async () => {
    const { job, nth } = held()
    const a = await direct([job])
    const b = await direct([job], { beside: a.ctx })
    const id = await enqueue(a.ctx, job)
    const first = a.deliver(id)
    const { run, end } = await nth(0)
    const inside = gate()
    const leave = gate()
    const writing = run.write(async () => {
      inside.resolve()
      await leave.promise
    })
    await inside.promise
    // The row is locked by the write, so the lease's end is what the claim finds once it may look.
    const claim = b.deliver(id)
    await until(async () => (await waitingForLocks(a.ctx)) > 0)
    leave.resolve()
    await writing
    expect(await claim).toEqual({ kind: 'completed' })
    end.resolve()
    await first
    expect((await rowOf(a.ctx, id)).attempt).toBe(1)
  })

  it('duplicate deliveries in one batch start only one attempt', async () => {
    const { job, runs, nth } = held()
    const a = await direct([job])
    const id = await enqueue(a.ctx, job)
    const ends = [a.deliver(id), a.deliver(id), a.deliver(id)]
    const only = await nth(0)
    expect(await Promise.all(ends.slice(1))).toEqual([{ kind: 'completed' }, { kind: 'completed' }])
    only.end.resolve()
    expect(await ends[0]).toEqual({ kind: 'completed' })
    expect(runs).toHaveLength(1)
  })

  it('a second delivery is ignored during and after the first', async () => {
    const { job, runs, nth } = held()
    const a = await direct([job])
    const id = await enqueue(a.ctx, job)
    const running = a.deliver(id)
    const { end } = await nth(0)
    expect(await a.deliver(id)).toEqual({ kind: 'completed' })
    end.resolve()
    await running
    expect(await a.deliver(id)).toEqual({ kind: 'completed' })
    expect(runs).toHaveLength(1)
  })

  it('the lease of a running attempt is renewed even while its own write locks the row', async () => {
    const { job, nth } = held()
    const { ctx, keeper, runner } = await engineWith(job)
    const [id, other] = [await enqueue(ctx, job), await enqueue(ctx, job)]
    const running = [runner.run(deliveryOf(id)), runner.run(deliveryOf(other))]
    const [mine, its] = [await nth(0), await nth(1)]
    const leave = gate()
    const writing = mine.run.write(() => leave.promise)
    const before = (await rawRow(ctx, other)).lease_until
    await until(async () => (await rawRow(ctx, other)).lease_until > before, {
      what: 'the other was renewed',
    })
    leave.resolve()
    await writing
    expect(mine.run.signal.aborted).toBe(false)
    mine.end.resolve()
    its.end.resolve()
    await Promise.all(running)
    expect(keeper.count()).toBe(0)
  })

  it('the signal of an attempt is aborted when another worker has taken its lease', async () => {
    const reasons: unknown[] = []
    const job = testJob(async (_payload, run) => {
      await untilAborted(run.signal).catch((reason) => reasons.push(reason.why))
      throw run.signal.reason
    })
    const { ctx, keeper, runner } = await engineWith(job)
    const id = await enqueue(ctx, job)
    const running = runner.run(deliveryOf(id))
    await until(() => keeper.count() === 1)
    await ctx.db('jobs').where({ id }).increment('fence', 1)
    expect(await running).toEqual({ kind: 'completed' })
    expect(reasons).toEqual(['lost'])
    expect((await rowOf(ctx, id)).state).toBe('running')
  })

  it('the signal is aborted before the lease expires if no renewal succeeds', async () => {
    const { job, nth } = held()
    const { ctx, runner } = await engineWith(job)
    const id = await enqueue(ctx, job)
    const running = runner.run(deliveryOf(id))
    const { run, end } = await nth(0)
    const blocker = await ctx.db.transaction()
    try {
      // Nothing can be read or renewed, as behind a network that swallows packets.
      await blocker.raw('lock table jobs in access exclusive mode')
      await until(() => run.signal.aborted, { timeoutMs: 8000 })
      const { rows } = await blocker.raw(
        'select lease_until > clock_timestamp() as held from jobs where id = ?',
        [id],
      )
      expect(rows[0].held).toBe(true)
      expect(run.signal.reason.why).toBe('lost')
    } finally {
      await blocker.rollback()
    }
    end.resolve()
    await running
  })

  it('an older attempt is aborted when the same process claims its job again', async () => {
    const { job, nth } = held()
    const a = await direct([job])
    const id = await enqueue(a.ctx, job)
    const first = a.deliver(id)
    const older = await nth(0)
    await expireLease(a.ctx, id)
    const second = a.deliver(id)
    const newer = await nth(1)
    expect(older.run.signal.aborted).toBe(true)
    expect(newer.run.signal.aborted).toBe(false)
    older.end.resolve()
    await first
    expect(a.keeper.count()).toBe(1)
    newer.end.resolve()
    await second
    expect((await rowOf(a.ctx, id)).state).toBe('completed')
  })

  it('each crash raises the attempt limit, and the sixth fails the job', async () => {
    const a = await direct([testJob(() => gate<never>().promise, { maxAttempts: 1 })])
    const id = await enqueue(a.ctx, testJob(done, { maxAttempts: 1 }))
    for (let crash = 0; crash <= 5; crash++) {
      void a.deliver(id)
      await until(async () => (await rowOf(a.ctx, id)).attempt === crash + 1)
      expect(await rowOf(a.ctx, id)).toMatchObject({
        state: 'running',
        crashes: crash,
        maxAttempts: 1 + crash,
      })
      await expireLease(a.ctx, id)
    }
    expect(await a.deliver(id)).toEqual({ kind: 'failed', code: 'SYS_001' })
    const row = await rowOf(a.ctx, id)
    expect(row).toMatchObject({ state: 'failed', crashes: 6 })
    expect(row.error?.message).toMatch('died 6 times')
  })

  async function engineWith(job: ReturnType<typeof testJob>) {
    const ctx = await createTestContext({ jobs: () => bound(job) })
    const engine = await startEngine(ctx, { queues: [], without: ['dispatcher', 'reconciler'] })
    opened.push(async () => {
      await engine.stop()
      await ctx.dispose()
    })
    return { ctx, ...engine }
  }
})

async function waitingForLocks(ctx: TestContext): Promise<number> {
  const { rows } = await ctx.db.raw(
    "select count(*)::int as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
  )
  return rows[0].n
}
