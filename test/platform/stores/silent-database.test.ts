import { describe, expect, it, type TestContext as Running } from 'vitest'
import { createDb } from '../../../src/platform/postgres/db.ts'
import { BoundedClient, withQueryLimit } from '../../../src/platform/postgres/index.ts'
import { createTestContext, startEngine, type TestContext } from '../../helpers/context.ts'
import { startTcpProxy } from '../../helpers/tcp-proxy.ts'
import { until } from '../../helpers/until.ts'
import { bound, done, enqueue, rowOf, testJob } from '../jobs/job-harness.ts'

/** Milliseconds within which everything works again after a fault. */
const recoveryMs = 15_000
/** The code of a query over its limit: 57014 if the server's answer to the cancel request arrives. */
const overLimit = expect.stringMatching(/^(ETIMEDOUT|57014)$/)

const job = testJob(done)

/** What closes a thing when the test has ended: tests run side by side, because they mostly wait. */
type Closing = Running['onTestFinished']

async function behindProxy(closing: Closing) {
  const direct = await createTestContext()
  closing(direct.dispose)
  const proxy = await startTcpProxy(direct.database.url)
  closing(() => proxy.cut().catch(() => undefined))
  const env = { DATABASE_URL: proxy.url }
  const ctx = await createTestContext({ beside: direct, env, jobs: () => bound(job) })
  closing(ctx.dispose)
  return { direct, proxy, ctx }
}

describe.concurrent('a database that falls silent', { timeout: 60_000 }, () => {
  /** Fills the pool, so that all of its connections exist before the fault. */
  const fill = ({ db }: TestContext) =>
    Promise.all(Array.from({ length: 10 }, () => db.raw('select pg_backend_pid() as pid, pg_sleep(0.2)')))

  async function secondsUntil(works: () => Promise<unknown>, timeoutMs = 30_000): Promise<number> {
    const startedAt = Date.now()
    await until(works, { timeoutMs })
    return Date.now() - startedAt
  }

  it('is used again over new connections while the old ones stay silent', async ({ onTestFinished }) => {
    const { ctx, proxy } = await behindProxy(onTestFinished)
    await fill(ctx)
    // Connections that were used recently are not checked.
    await until(() => proxy.count() >= 10)
    proxy.freezeExisting()
    const tookMs = await secondsUntil(() => ctx.db.raw('select 1').then(() => true))
    expect(tookMs).toBeLessThan(recoveryMs)
    // One fault is detected for all connections together, not for each in turn.
    const startedAt = Date.now()
    await fill(ctx)
    expect(Date.now() - startedAt).toBeLessThan(4000)
  })

  it('fails every call within the time limit, and is used again when it responds', async ({
    onTestFinished,
  }) => {
    const { ctx, proxy } = await behindProxy(onTestFinished)
    await fill(ctx)
    proxy.freeze()
    const startedAt = Date.now()
    const calls = Array.from({ length: 20 }, () => ctx.db.raw('select 1'))
    const results = await Promise.allSettled(calls)
    expect(results.every(({ status }) => status === 'rejected')).toBe(true)
    expect(Date.now() - startedAt).toBeLessThan(recoveryMs)
    proxy.thaw()
    expect(await secondsUntil(() => ctx.db.raw('select 1').then(() => true))).toBeLessThan(recoveryMs)
  })

  it.for(['freezeExisting', 'freeze'] as const)(
    'gets jobs done again after %s',
    async (fault, { onTestFinished }) => {
      const { direct, ctx, proxy } = await behindProxy(onTestFinished)
      const engine = await startEngine(ctx, { queues: ['work'] })
      onTestFinished(engine.stop)
      const first = await enqueue(ctx, job)
      await until(async () => (await rowOf(direct, first)).state === 'completed')
      proxy[fault]()
      if (fault === 'freeze') {
        await expect(ctx.db.raw('select 1')).rejects.toThrow()
        proxy.thaw()
      }
      const second = await direct.db.transaction((trx) => direct.enqueue(trx, job, { payload: { key: 'x' } }))
      const isDone = async () => (await rowOf(direct, second)).state === 'completed'
      expect(await secondsUntil(isDone)).toBeLessThan(recoveryMs)
    },
  )

  it('releases the locks of a transaction that was between two statements, and all sessions', async ({
    onTestFinished,
  }) => {
    const { direct, ctx, proxy } = await behindProxy(onTestFinished)
    const sessions = await fill(ctx)
    const pids = sessions.map(({ rows }) => rows[0].pid)
    const locked = Promise.withResolvers<void>()
    const frozen = Promise.withResolvers<void>()
    const transaction = ctx.db.transaction(async (trx) => {
      await trx.raw('lock table jobs in access exclusive mode')
      locked.resolve()
      await frozen.promise
      await trx.raw('select 1')
    })
    await locked.promise
    proxy.freezeExisting()
    frozen.resolve()
    await expect(transaction).rejects.toThrow()
    expect(
      await secondsUntil(() =>
        direct
          .db('jobs')
          .count()
          .then(() => true),
      ),
    ).toBeLessThan(1000)
    await until(async () => {
      const { rows } = await direct.db.raw('select pid from pg_stat_activity where pid = any(?)', [pids])
      return rows.length === 0
    })
  })

  it('releases the locks of an abandoned transaction', async ({ onTestFinished }) => {
    const { direct, ctx, proxy } = await behindProxy(onTestFinished)
    const locked = Promise.withResolvers<void>()
    const over = Promise.withResolvers<void>()
    const transaction = ctx.db.transaction(async (trx) => {
      await trx.raw('lock table jobs in access exclusive mode')
      locked.resolve()
      await over.promise
      await trx.raw('select 1')
    })
    await locked.promise
    proxy.freezeExisting()
    expect(
      await secondsUntil(() =>
        direct
          .db('jobs')
          .count()
          .then(() => true),
      ),
    ).toBeLessThan(recoveryMs)
    over.resolve()
    await expect(transaction).rejects.toThrow()
  })

  it('does not end a query with a raised limit because a check on another connection was not answered', async ({
    onTestFinished,
  }) => {
    const { ctx, proxy } = await behindProxy(onTestFinished)
    const connect = async () => {
      const client = new BoundedClient({ connectionString: proxy.url }, { queryMs: 10_000 })
      onTestFinished(() => client.end())
      await client.connect()
      return client
    }
    const idle = await connect()
    proxy.freezeExisting()
    const busy = await connect()
    const long = withQueryLimit(30_000, () => busy.query('select pg_sleep(8)'))
    const short = connect().then((client) => client.query('select pg_sleep(8)'))
    const ended = expect(short).rejects.toMatchObject({ code: overLimit })
    await until(async () => !(await idle.isAlive()), { timeoutMs: 20_000 })
    await ended
    expect((await long).rowCount).toBe(1)
    await ctx.listener.stop()
  })

  describe('while a query with a raised limit is running', () => {
    /** Longer than the limit of other queries. */
    const statement = 'select pg_sleep(13)'

    it.for([
      ['the server has ended the session', 'pg_terminate_backend', undefined],
      ['the server has cancelled the query', 'pg_cancel_backend', undefined],
      ['the server has answered the query', 'pg_sleep', 'select pg_sleep(1)'],
    ])(
      'a connection that broke silently is given up: %s',
      async ([, end, sql = statement], { onTestFinished }) => {
        const { direct, ctx, proxy } = await behindProxy(onTestFinished)
        const db = createDb({ url: proxy.url, name: 'bulk', max: 1 })
        onTestFinished(() => db.destroy())
        const { rows } = await db.raw('select pg_backend_pid() as pid')
        const running = withQueryLimit(60_000, () => db.raw(sql))
        const ended = expect(running).rejects.toMatchObject({ code: 'ETIMEDOUT' })
        await until(async () => {
          const found = await direct.db.raw('select query from pg_stat_activity where pid = ?', [rows[0].pid])
          return found.rows[0]?.query === sql
        })
        proxy.freezeExisting()
        if (end !== 'pg_sleep') await direct.db.raw(`select ${end}(?)`, [rows[0].pid])
        const startedAt = Date.now()
        await ended
        expect(Date.now() - startedAt).toBeLessThan(recoveryMs)
        expect((await db.raw('select 1 as works')).rows).toEqual([{ works: 1 }])
        await ctx.listener.stop()
      },
    )

    it('a connection whose query never reached the server is given up', async ({ onTestFinished }) => {
      const { proxy } = await behindProxy(onTestFinished)
      const db = createDb({ url: proxy.url, name: 'bulk', max: 1 })
      onTestFinished(() => db.destroy())
      await db.raw('select 1')
      proxy.freezeExisting()
      const startedAt = Date.now()
      const lost = withQueryLimit(60_000, () => db.raw('select 1'))
      await expect(lost).rejects.toMatchObject({ code: 'ETIMEDOUT' })
      expect(Date.now() - startedAt).toBeLessThan(recoveryMs)
    })

    it('a connection is kept for as long as the server works on the query', async ({ onTestFinished }) => {
      const { proxy } = await behindProxy(onTestFinished)
      const db = createDb({ url: proxy.url, name: 'bulk', max: 2 })
      onTestFinished(() => db.destroy())
      const large = `select repeat('x', 1000000) as text, pg_sleep(1) from generate_series(1, 12)`
      const results = await withQueryLimit(60_000, () => Promise.all([db.raw(statement), db.raw(large)]))
      expect(results.map(({ rowCount }) => rowCount)).toEqual([1, 12])
    })
  })

  it('is detected by another connection while a query waits for its result', async ({ onTestFinished }) => {
    const { ctx, proxy } = await behindProxy(onTestFinished)
    await fill(ctx)
    const waiting = ctx.db.raw('select pg_sleep(0.5)')
    proxy.freezeExisting()
    const startedAt = Date.now()
    await expect(waiting).rejects.toMatchObject({ code: 'ETIMEDOUT' })
    // Half of the limit on queries: a connection without work was asked meanwhile.
    expect(Date.now() - startedAt).toBeLessThan(8000)
  })

  it('is detected by the listening connection, which listens again', async ({ onTestFinished }) => {
    const { direct, ctx, proxy } = await behindProxy(onTestFinished)
    const heard: string[] = []
    ctx.listener.on('silence_test', (payload) => heard.push(payload))
    await ctx.listener.start()
    proxy.freezeExisting()
    const send = () => direct.db.raw("select pg_notify('silence_test', 'now')")
    const tookMs = await secondsUntil(async () => {
      await send()
      return heard.length > 0
    })
    expect(tookMs).toBeLessThan(recoveryMs)
  })
})

describe.concurrent('a limit on queries', () => {
  it('ends a query that exceeds it, and not one with a raised limit', async () => {
    const ctx = await createTestContext()
    const db = createDb({ url: ctx.database.url, name: 'test', max: 2, queryMs: 300 })
    await expect(db.raw('select pg_sleep(1)')).rejects.toMatchObject({ code: overLimit })
    await expect(db.transaction((trx) => trx.raw('select pg_sleep(1)'))).rejects.toThrow()
    await withQueryLimit(5000, () => db.raw('select pg_sleep(1)').then(() => undefined))
    await db.destroy()
    await ctx.dispose()
  })

  it('also ends the query on the server, where it would wait forever for a lock', async () => {
    const ctx = await createTestContext()
    const db = createDb({ url: ctx.database.url, name: 'waiting', max: 2, queryMs: 300 })
    await ctx.db.transaction(async (trx) => {
      await trx.raw('lock table jobs in access exclusive mode')
      await expect(db.raw('select count(*) from jobs')).rejects.toMatchObject({ code: overLimit })
      await expect(db.transaction((inner) => inner('jobs').count())).rejects.toThrow()
      await until(async () => {
        const { rows } = await trx.raw(`select pid from pg_stat_activity
          where application_name = 'capstan-waiting' and wait_event_type = 'Lock'`)
        return rows.length === 0
      })
    })
    await db.destroy()
    await ctx.dispose()
  })

  it('holds on the server for each statement of a transaction', async () => {
    const ctx = await createTestContext()
    const limit = () => ctx.db.transaction((trx) => trx.raw('show statement_timeout'))
    expect((await limit()).rows).toEqual([{ statement_timeout: '12s' }])
    expect((await withQueryLimit(60_000, limit)).rows).toEqual([{ statement_timeout: '62s' }])
    await ctx.dispose()
  })

  it('can not be raised inside a transaction, whose statements the server has limited', async () => {
    const ctx = await createTestContext()
    const inside = ctx.db.transaction((trx) =>
      withQueryLimit(60_000, () => trx.raw('select 1').then(() => 1)),
    )
    await expect(inside).rejects.toThrow('withQueryLimit has to be around the whole transaction')
    await withQueryLimit(60_000, () => ctx.db.raw('select 1').then(() => undefined))
    await ctx.dispose()
  })

  it('is raised for the commit of a transaction, too', async () => {
    const ctx = await createTestContext()
    const db = createDb({ url: ctx.database.url, name: 'test', max: 1, queryMs: 300 })
    await db.raw('create table slow_commits (id int)')
    await db.raw(`create function slow_commit() returns trigger language plpgsql
      as 'begin perform pg_sleep(1); return null; end'`)
    await db.raw(`create constraint trigger slow after insert on slow_commits
      deferrable initially deferred for each row execute function slow_commit()`)
    const commit = () => db.transaction((trx) => trx('slow_commits').insert({ id: 1 }))
    await expect(commit()).rejects.toThrow()
    await withQueryLimit(5000, commit)
    expect(await db('slow_commits').count()).toEqual([{ count: '1' }])
    await db.destroy()
    await ctx.dispose()
  })

  it('ends an idle transaction, also behind a pooler that keeps no settings', async () => {
    const ctx = await createTestContext()
    const { rows } = await ctx.db.transaction((trx) => trx.raw('show idle_in_transaction_session_timeout'))
    expect(rows).toEqual([{ idle_in_transaction_session_timeout: '6s' }])
    const outside = await ctx.db.raw('show idle_in_transaction_session_timeout')
    expect(outside.rows).toEqual([{ idle_in_transaction_session_timeout: '0' }])
    await ctx.dispose()
  })
})
