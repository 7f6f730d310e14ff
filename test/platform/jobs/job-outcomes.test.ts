import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CodedError } from '../../../src/platform/errors.ts'
import type { Outcome, Run } from '../../../src/platform/jobs/index.ts'
import {
  done,
  enqueue,
  eventsOf,
  gate,
  type Payload,
  rawRow,
  rowOf,
  startDirect,
  testJob,
  untilAborted,
} from './job-harness.ts'

type Handler = (payload: Payload, run: Run) => Promise<Outcome>

describe('how a run ends', () => {
  let handler: Handler = done
  const settled: { key: string; state: string }[] = []
  const job = testJob((payload, run) => handler(payload, run))
  const settling = testJob((payload, run) => handler(payload, run), {
    name: 'settling',
    async onFinalState(_services, trx, { payload, ending }) {
      if (payload.key === 'unsettled') throw new Error('cannot settle')
      if (ending.state === 'failed' && ending.error.message === 'refused')
        throw new Error('cannot store this')
      settled.push({ key: payload.key, state: ending.state })
      await trx('marks').insert({ mark: `${payload.key} ${ending.state}` })
    },
  })
  const short = testJob((_payload, run) => untilAborted(run.signal), { name: 'short', timeoutMs: () => 20 })

  let direct: Awaited<ReturnType<typeof startDirect>>
  beforeAll(async () => {
    direct = await startDirect([job, settling, short])
    await direct.ctx.db.raw('create table marks (mark text primary key)')
  })
  afterAll(() => direct?.dispose())

  const marks = async () => (await direct.ctx.db('marks').select('mark')).map((row) => row.mark)

  async function runOnce(given: Handler, of = job, key?: string) {
    handler = given
    const id = await enqueue(direct.ctx, of, key)
    const end = await direct.deliver(id)
    return { id, end, row: await rowOf(direct.ctx, id) }
  }

  it('completes once, with two events, and its later deliveries do nothing', async () => {
    let runs = 0
    const { id, end, row } = await runOnce(async () => {
      runs += 1
      return { kind: 'done' }
    })
    expect(end).toEqual({ kind: 'completed' })
    expect(row).toMatchObject({ state: 'completed', attempt: 1, error: null })
    expect(row.startedAt).not.toBeNull()
    expect(row.finishedAt).not.toBeNull()
    const events = [
      ['state', 'running'],
      ['end', 'completed'],
    ]
    expect(await eventsOf(direct.ctx, id)).toEqual(events)
    expect(await direct.deliver(id)).toEqual({ kind: 'completed' })
    expect(runs).toBe(1)
    expect(await eventsOf(direct.ctx, id)).toEqual(events)
  })

  it('fails for good, visibly, when a stored payload does not fit', async () => {
    handler = done
    const id = await enqueue(direct.ctx, job)
    await direct.ctx.db('jobs').where({ id }).update({ payload: '{"old":"shape"}' })
    expect(await direct.deliver(id)).toEqual({ kind: 'failed', code: 'SYS_001' })
    const row = await rowOf(direct.ctx, id)
    expect(row).toMatchObject({ state: 'failed', attempt: 1, error: { code: 'SYS_001' } })
    expect(row.error?.message).toMatch('payload')
    expect((await eventsOf(direct.ctx, id)).at(-1)).toEqual(['end', 'failed'])
  })

  it('waits longer after each attempt, within the bounds, and names the code', async () => {
    handler = async () => ({ kind: 'retry', error: new CodedError('STATE_003', 'the zone is away') })
    const id = await enqueue(direct.ctx, job)
    for (const ceiling of [1000, 2000]) {
      expect(await direct.deliver(id)).toEqual({ kind: 'failed', code: 'STATE_003' })
      const { delay_ms } = await rawRow(direct.ctx, id)
      const delayMs = Number(delay_ms)
      expect(delayMs).toBeGreaterThanOrEqual(ceiling / 2)
      expect(delayMs).toBeLessThanOrEqual(ceiling)
      expect(await rowOf(direct.ctx, id)).toMatchObject({
        state: 'retrying',
        error: { code: 'STATE_003', message: 'the zone is away' },
        finishedAt: null,
      })
    }
  })

  it('honours Retry-After of what a handler throws', async () => {
    const { end, id } = await runOnce(async () => {
      throw new CodedError('SYS_003', 'too many calls', { retryAfter: 70 })
    })
    expect(end).toEqual({ kind: 'failed', code: 'SYS_003' })
    const { run_at, delay_ms } = await rawRow(direct.ctx, id)
    expect(Number(delay_ms)).toBe(70_000)
    expect(run_at.getTime() - Date.now()).toBeGreaterThan(60_000)
  })

  it('fails with the last error’s code once the attempts are used up', async () => {
    handler = async () => ({ kind: 'retry', error: new CodedError('DEPLOY_006', 'not healthy') })
    const id = await enqueue(direct.ctx, job)
    await direct.deliver(id)
    await direct.deliver(id)
    expect(await direct.deliver(id)).toEqual({ kind: 'failed', code: 'DEPLOY_006' })
    const row = await rowOf(direct.ctx, id)
    expect(row).toMatchObject({ state: 'failed', attempt: 3, error: { code: 'DEPLOY_006' } })
  })

  it('fails at once for what no attempt can mend', async () => {
    const { end, row } = await runOnce(async () => {
      throw new CodedError('DEPLOY_001', 'bad configuration')
    })
    expect(end).toEqual({ kind: 'failed', code: 'DEPLOY_001' })
    expect(row).toMatchObject({ state: 'failed', attempt: 1 })
  })

  it('tries again after an unexpected error, and shows nothing of it', async () => {
    const { end, row } = await runOnce(async () => {
      throw new Error('password=hunter2 in /etc/capstan')
    })
    expect(end).toEqual({ kind: 'failed', code: 'SYS_001' })
    expect(JSON.stringify(row.error)).not.toMatch(/hunter2|etc/)
  })

  it('masks a credential in an expected error’s message', async () => {
    const { row } = await runOnce(async () => {
      throw new CodedError('DEPLOY_001', 'refused: Bearer abcdefghijklmnop')
    })
    expect(row.error?.message).toBe('refused: Bearer [redacted]')
  })

  it('snoozes through the outbox without using up an attempt', async () => {
    handler = async () => ({ kind: 'snooze', ms: 60_000 })
    const id = await enqueue(direct.ctx, job)
    for (let round = 0; round < 5; round++) {
      expect(await direct.deliver(id)).toEqual({ kind: 'completed' })
      expect(await rowOf(direct.ctx, id)).toMatchObject({ state: 'queued', attempt: 0, maxAttempts: 3 })
      const { undelivered, run_at } = await rawRow(direct.ctx, id)
      expect(undelivered).toBe(true)
      expect(run_at.getTime() - Date.now()).toBeGreaterThan(50_000)
    }
  })

  it('ends an attempt at its time limit, and tries again', async () => {
    const id = await enqueue(direct.ctx, short)
    expect(await direct.deliver(id)).toEqual({ kind: 'failed', code: 'SYS_004' })
  })

  it('fails a job that this version has no handler for', async () => {
    const id = await enqueue(direct.ctx, testJob(done, { name: 'retired' }))
    expect(await direct.deliver(id)).toEqual({ kind: 'failed', code: 'SYS_001' })
    expect((await rowOf(direct.ctx, id)).error?.message).toMatch('work/retired')
  })

  it('hands a running job over at shutdown, with its attempt given back', async () => {
    const started = gate()
    handler = (_payload, run) => {
      started.resolve()
      return untilAborted(run.signal)
    }
    const id = await enqueue(direct.ctx, job)
    const running = direct.deliver(id)
    await started.promise
    direct.keeper.abortAll('shutdown')
    expect(await running).toEqual({ kind: 'completed' })
    expect(await rowOf(direct.ctx, id)).toMatchObject({ state: 'queued', attempt: 0, crashes: 0 })
    expect((await rawRow(direct.ctx, id)).undelivered).toBe(true)
  })

  it('commits a handler’s last write together with the outcome', async () => {
    const { row } = await runOnce(
      async () => ({
        kind: 'done',
        commit: async (trx) => {
          // Not visible to anybody else yet: the outcome commits with it.
          const [other] = await direct.ctx
            .db('jobs')
            .where({ state: 'completed', payload: '{"key":"together"}' })
          expect(other).toBeUndefined()
          await trx('marks').insert({ mark: 'together' })
        },
      }),
      job,
      'together',
    )
    expect(row.state).toBe('completed')
    expect(await marks()).toContain('together')
  })

  it('undoes the outcome with a last write that fails, and counts it as the handler’s failure', async () => {
    const { end, row } = await runOnce(async () => ({
      kind: 'done',
      commit: async (trx) => {
        await trx('marks').insert({ mark: 'half' })
        throw new Error('the second half failed')
      },
    }))
    expect(await marks()).not.toContain('half')
    expect(end).toEqual({ kind: 'failed', code: 'SYS_001' })
    expect(row).toMatchObject({ state: 'retrying', attempt: 1, crashes: 0 })
  })

  it('settles a failure in the transaction of its outcome', async () => {
    const fail: Handler = async () => {
      throw new CodedError('DEPLOY_001', 'no')
    }
    const failed = await runOnce(fail, settling, 'settled')
    expect(failed.row.state).toBe('failed')
    expect(settled.at(-1)).toEqual({ key: 'settled', state: 'failed' })
    expect(await marks()).toContain('settled failed')
  })

  it('fails without a settlement that can never be recorded', async () => {
    const refuse: Handler = async () => {
      throw new CodedError('DEPLOY_001', 'no')
    }
    const { id, end, row } = await runOnce(refuse, settling, 'unsettled')
    expect(end).toEqual({ kind: 'failed', code: 'SYS_001' })
    expect(row).toMatchObject({ state: 'failed', error: { code: 'SYS_001' } })
    expect(await marks()).not.toContain('unsettled failed')
    expect((await eventsOf(direct.ctx, id)).at(-1)).toEqual(['end', 'failed'])
  })

  it('fails with a plain reason when its outcome can not be recorded, and does not run again', async () => {
    const settlingBriefly = async (): Promise<Outcome> => {
      throw new CodedError('DEPLOY_001', 'refused')
    }
    const { end, row } = await runOnce(settlingBriefly, settling, 'refused')
    expect(end).toEqual({ kind: 'failed', code: 'SYS_001' })
    expect(row).toMatchObject({ state: 'failed', error: { code: 'SYS_001' } })
    expect(row.error?.message).toMatch(/could not be recorded/)
    expect(await marks()).toContain('refused failed')
  })

  it('leaves the outcomes recorded together with it as they are', async () => {
    await direct.ctx.db.raw(`
      create function refuse_poison() returns trigger language plpgsql as $$
      begin
        if new.error ->> 'message' = 'poison' then raise exception using errcode = '22P05'; end if;
        return new;
      end $$;
      create trigger refuse_poison before update on jobs for each row execute function refuse_poison()`)
    const bad = testJob(async () => ({ kind: 'failed', error: new CodedError('SYS_004', 'poison') }))
    handler = (payload, run) => (payload.key === 'bad' ? bad.handle(undefined, payload, run) : done())
    const keys = ['one', 'bad', 'two', 'three']
    const ids = await Promise.all(keys.map((key) => enqueue(direct.ctx, job, key)))
    await Promise.all(ids.map((id) => direct.deliver(id)))
    await direct.ctx.db.raw('drop trigger refuse_poison on jobs; drop function refuse_poison')
    const rows = await Promise.all(ids.map((id) => rowOf(direct.ctx, id)))
    expect(rows.map(({ state, crashes }) => [state, crashes])).toEqual([
      ['completed', 0],
      ['failed', 0],
      ['completed', 0],
      ['completed', 0],
    ])
    expect(rows[1]?.error?.message).toMatch(/could not be recorded/)
  })

  it.each(['\0 and \ud800', `{"message":"\\u0000\\ud800"}`, `${'x'.repeat(1999)}😀😀`])(
    'keeps its own reason when that is a text that PostgreSQL refuses (%j)',
    async (message) => {
      const { row } = await runOnce(async () => ({
        kind: 'failed',
        error: new CodedError('SYS_004', message),
      }))
      expect(row).toMatchObject({ state: 'failed', error: { code: 'SYS_004' } })
    },
  )

  it.each([Number.POSITIVE_INFINITY, Number.NaN, 1e15, 1500.5, -1])(
    'may ask for any delay: %d ms are bounded',
    async (ms) => {
      for (const outcome of [
        { kind: 'snooze', ms },
        { kind: 'retry', error: new CodedError('SYS_004', 'late'), afterMs: ms },
      ] as const) {
        const { id, row } = await runOnce(async () => outcome)
        expect(['queued', 'retrying']).toContain(row.state)
        const { run_at: runAt } = await rawRow(direct.ctx, id)
        expect(runAt.getTime() - Date.now()).toBeLessThan(8 * 24 * 3_600_000)
      }
    },
  )

  it('writes progress with its events, and none after the end', async () => {
    let late = () => undefined as undefined
    const { id, row } = await runOnce(async (_payload, run) => {
      run.progress({ percent: 10 })
      run.progress({ percent: 50 })
      await direct.runner.idle()
      late = () => void run.progress({ percent: 99 }) as undefined
      return { kind: 'done' }
    })
    expect(row.progress).toEqual({ percent: 50 })
    late()
    await direct.runner.idle()
    expect((await rowOf(direct.ctx, id)).progress).toEqual({ percent: 50 })
    expect((await eventsOf(direct.ctx, id)).map(([type]) => type)).toEqual(['state', 'progress', 'end'])
  })

  it('does not settle a retry or a success', async () => {
    settled.length = 0
    await runOnce(done, settling)
    await runOnce(async () => ({ kind: 'retry', error: new CodedError('SYS_004', 'late') }), settling)
    expect(settled).toEqual([])
  })
})
