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

describe('the outcome of an attempt', () => {
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

  it('a job completes once with two events; later deliveries have no effect', async () => {
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

  it('a job whose stored payload does not match the schema fails with a visible error', async () => {
    handler = done
    const id = await enqueue(direct.ctx, job)
    await direct.ctx.db('jobs').where({ id }).update({ payload: '{"old":"shape"}' })
    expect(await direct.deliver(id)).toEqual({ kind: 'failed', code: 'SYS_001' })
    const row = await rowOf(direct.ctx, id)
    expect(row).toMatchObject({ state: 'failed', attempt: 1, error: { code: 'SYS_001' } })
    expect(row.error?.message).toMatch('payload')
    expect((await eventsOf(direct.ctx, id)).at(-1)).toEqual(['end', 'failed'])
  })

  it('the delay grows with each attempt within its bounds, and the row has the error code', async () => {
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

  it('the Retry-After of a thrown error sets the delay', async () => {
    const { end, id } = await runOnce(async () => {
      throw new CodedError('SYS_003', 'too many calls', { retryAfter: 70 })
    })
    expect(end).toEqual({ kind: 'failed', code: 'SYS_003' })
    const { run_at, delay_ms } = await rawRow(direct.ctx, id)
    expect(Number(delay_ms)).toBe(70_000)
    expect(run_at.getTime() - Date.now()).toBeGreaterThan(60_000)
  })

  it('a job without attempts left fails with the code of the last error', async () => {
    handler = async () => ({ kind: 'retry', error: new CodedError('DEPLOY_006', 'not healthy') })
    const id = await enqueue(direct.ctx, job)
    await direct.deliver(id)
    await direct.deliver(id)
    expect(await direct.deliver(id)).toEqual({ kind: 'failed', code: 'DEPLOY_006' })
    const row = await rowOf(direct.ctx, id)
    expect(row).toMatchObject({ state: 'failed', attempt: 3, error: { code: 'DEPLOY_006' } })
  })

  it('an error that is not retryable fails the job at once', async () => {
    const { end, row } = await runOnce(async () => {
      throw new CodedError('DEPLOY_001', 'bad configuration')
    })
    expect(end).toEqual({ kind: 'failed', code: 'DEPLOY_001' })
    expect(row).toMatchObject({ state: 'failed', attempt: 1 })
  })

  it('an unexpected error is retried and not disclosed', async () => {
    const { end, row } = await runOnce(async () => {
      throw new Error('password=hunter2 in /etc/capstan')
    })
    expect(end).toEqual({ kind: 'failed', code: 'SYS_001' })
    expect(JSON.stringify(row.error)).not.toMatch(/hunter2|etc/)
  })

  it('a credential in an expected error’s message is masked', async () => {
    const { row } = await runOnce(async () => {
      throw new CodedError('DEPLOY_001', 'refused: Bearer abcdefghijklmnop')
    })
    expect(row.error?.message).toBe('refused: Bearer [redacted]')
  })

  it('a snoozed job waits in the outbox and uses up no attempt', async () => {
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

  it('an attempt that exceeds its time limit is aborted and retried', async () => {
    const id = await enqueue(direct.ctx, short)
    expect(await direct.deliver(id)).toEqual({ kind: 'failed', code: 'SYS_004' })
  })

  it('a job without a handler in this version fails', async () => {
    const id = await enqueue(direct.ctx, testJob(done, { name: 'retired' }))
    expect(await direct.deliver(id)).toEqual({ kind: 'failed', code: 'SYS_001' })
    expect((await rowOf(direct.ctx, id)).error?.message).toMatch('work/retired')
  })

  it('a shutdown hands over a running job and gives its attempt back', async () => {
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

  it('a handler’s commit runs in the transaction of the outcome', async () => {
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

  it('a commit that fails rolls back the outcome and counts as a failed attempt', async () => {
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

  it('the final-state handler runs in the transaction of the failure', async () => {
    const fail: Handler = async () => {
      throw new CodedError('DEPLOY_001', 'no')
    }
    const failed = await runOnce(fail, settling, 'settled')
    expect(failed.row.state).toBe('failed')
    expect(settled.at(-1)).toEqual({ key: 'settled', state: 'failed' })
    expect(await marks()).toContain('settled failed')
  })

  it('a job fails without its final-state handler if that handler always fails', async () => {
    const refuse: Handler = async () => {
      throw new CodedError('DEPLOY_001', 'no')
    }
    const { id, end, row } = await runOnce(refuse, settling, 'unsettled')
    expect(end).toEqual({ kind: 'failed', code: 'SYS_001' })
    expect(row).toMatchObject({ state: 'failed', error: { code: 'SYS_001' } })
    expect(await marks()).not.toContain('unsettled failed')
    expect((await eventsOf(direct.ctx, id)).at(-1)).toEqual(['end', 'failed'])
  })

  it('a job whose outcome cannot be recorded fails with a general reason and is not retried', async () => {
    const settlingBriefly = async (): Promise<Outcome> => {
      throw new CodedError('DEPLOY_001', 'refused')
    }
    const { end, row } = await runOnce(settlingBriefly, settling, 'refused')
    expect(end).toEqual({ kind: 'failed', code: 'SYS_001' })
    expect(row).toMatchObject({ state: 'failed', error: { code: 'SYS_001' } })
    expect(row.error?.message).toMatch(/could not be recorded/)
    expect(await marks()).toContain('refused failed')
  })

  it('an outcome that cannot be recorded does not affect others of the same batch', async () => {
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
    'an error message that PostgreSQL cannot store is recorded in a storable form (%j)',
    async (message) => {
      const { row } = await runOnce(async () => ({
        kind: 'failed',
        error: new CodedError('SYS_004', message),
      }))
      expect(row).toMatchObject({ state: 'failed', error: { code: 'SYS_004' } })
    },
  )

  it.each([Number.POSITIVE_INFINITY, Number.NaN, 1e15, 1500.5, -1])(
    'a delay of %d ms is bounded',
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

  it('progress is written with its events, and never after the end', async () => {
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

  it('the final-state handler does not run for a retry or a success', async () => {
    settled.length = 0
    await runOnce(done, settling)
    await runOnce(async () => ({ kind: 'retry', error: new CodedError('SYS_004', 'late') }), settling)
    expect(settled).toEqual([])
  })
})
