import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CodedError } from '../../../src/platform/errors.ts'
import type { Outcome } from '../../../src/platform/jobs/index.ts'
import { until } from '../../helpers/until.ts'
import {
  done,
  enqueue,
  eventsOf,
  expireLease,
  gate,
  type Payload,
  rawRow,
  rowOf,
  startDirect,
  testJob,
} from './job-harness.ts'

describe('operations on jobs', () => {
  let handler: () => Promise<Outcome> = done
  const job = testJob(() => handler(), {
    async onFinalState(_services, trx, { payload, ending }) {
      await trx('marks').insert({ mark: `${payload.key} ${ending.state}` })
    },
  })
  const leading = { ...job, name: 'leading', cancelWins: true }
  const refusing = testJob(done, { name: 'refusing', retryRefused: 'Deploy again instead' })
  let direct: Awaited<ReturnType<typeof startDirect>>
  beforeAll(async () => {
    direct = await startDirect([job, leading, refusing])
    await direct.ctx.db.raw('create table marks (mark text primary key)')
  })
  afterAll(() => direct?.dispose())

  const cancel = (id: string) => direct.ctx.db.transaction((trx) => direct.ctx.jobActions.cancel(trx, id))
  const retry = (id: string) => direct.ctx.db.transaction((trx) => direct.ctx.jobActions.retry(trx, id))
  const fail = async (): Promise<Outcome> => ({ kind: 'failed', error: new CodedError('DEPLOY_001', 'no') })
  async function failedJob(of = job): Promise<string> {
    handler = fail
    const id = await enqueue(direct.ctx, of)
    await direct.deliver(id)
    return id
  }

  it('enqueue refuses a payload that does not match the definition and writes no row', async () => {
    const before = await direct.ctx.db('jobs').count('* as n').first()
    const wrong = { key: 1 } as unknown as Payload
    const attempt = direct.ctx.db.transaction((trx) => direct.ctx.enqueue(trx, job, { payload: wrong }))
    await expect(attempt).rejects.toThrow()
    expect(await direct.ctx.db('jobs').count('* as n').first()).toEqual(before)
  })

  it('cancel ends a waiting job at once, runs its final-state handler, and its delivery is ignored', async () => {
    let runs = 0
    handler = async () => {
      runs += 1
      return { kind: 'done' }
    }
    const id = await enqueue(direct.ctx, job, 'waiting')
    expect(await cancel(id)).toMatchObject({ state: 'cancelled', attempt: 0 })
    expect(await direct.ctx.db('marks').where({ mark: 'waiting cancelled' })).toHaveLength(1)
    expect(await direct.deliver(id)).toEqual({ kind: 'completed' })
    expect(runs).toBe(0)
    expect(await eventsOf(direct.ctx, id)).toEqual([['end', 'cancelled']])
    expect((await rawRow(direct.ctx, id)).undelivered).toBe(false)
  })

  it('cancel ends a job between two attempts', async () => {
    handler = async () => ({ kind: 'retry', error: new CodedError('SYS_004', 'late') })
    const id = await enqueue(direct.ctx, job)
    await direct.deliver(id)
    expect(await cancel(id)).toMatchObject({ state: 'cancelled', attempt: 1 })
    expect(await direct.deliver(id)).toEqual({ kind: 'completed' })
  })

  it('an attempt that ends before it notices the cancel keeps its result', async () => {
    const end = gate()
    handler = async () => {
      await end.promise
      return { kind: 'done' }
    }
    const id = await enqueue(direct.ctx, job)
    const running = direct.deliver(id)
    await until(async () => (await rowOf(direct.ctx, id)).state === 'running')
    expect(await cancel(id)).toMatchObject({ state: 'running' })
    end.resolve()
    await running
    expect((await rowOf(direct.ctx, id)).state).toBe('completed')
  })

  it('an accepted cancel wins over the result of a job that enqueues successors', async () => {
    const end = gate()
    let followed = false
    handler = async () => {
      await end.promise
      return {
        kind: 'done',
        commit: async () => {
          followed = true
        },
      }
    }
    const id = await enqueue(direct.ctx, leading, 'leading')
    const running = direct.deliver(id)
    await until(async () => (await rowOf(direct.ctx, id)).state === 'running')
    await cancel(id)
    end.resolve()
    await running
    expect((await rowOf(direct.ctx, id)).state).toBe('cancelled')
    expect(followed).toBe(false)
    expect(await direct.ctx.db('marks').where({ mark: 'leading cancelled' })).toHaveLength(1)
  })

  it('a cancelled job is not run again after its worker has died', async () => {
    let runs = 0
    handler = () => {
      runs += 1
      return gate<never>().promise
    }
    const id = await enqueue(direct.ctx, job)
    void direct.deliver(id)
    await until(() => runs === 1)
    await cancel(id)
    await expireLease(direct.ctx, id)
    await direct.deliver(id)
    expect(await rowOf(direct.ctx, id)).toMatchObject({ state: 'cancelled', attempt: 2 })
    expect(runs).toBe(1)
  })

  it('cancel is refused for finished and unknown jobs', async () => {
    await expect(cancel(await failedJob())).rejects.toMatchObject({ code: 'STATE_001' })
    await expect(cancel('00000000-0000-4000-8000-000000000000')).rejects.toMatchObject({ code: 'SYS_005' })
  })

  it('retry runs a failed job again with its full number of attempts, on the same event stream', async () => {
    const id = await failedJob()
    expect(await retry(id)).toMatchObject({ state: 'queued', attempt: 1, maxAttempts: 4, error: null })
    expect(await rawRow(direct.ctx, id)).toMatchObject({ undelivered: true, finished_at: null })
    handler = done
    await direct.deliver(id)
    expect(await rowOf(direct.ctx, id)).toMatchObject({ state: 'completed', attempt: 2, error: null })
    expect(await eventsOf(direct.ctx, id)).toEqual([
      ['state', 'running'],
      ['end', 'failed'],
      ['state', 'queued'],
      ['state', 'running'],
      ['end', 'completed'],
    ])
  })

  it('retry runs a cancelled job again', async () => {
    handler = done
    const id = await enqueue(direct.ctx, job)
    await cancel(id)
    await retry(id)
    await direct.deliver(id)
    expect(await rowOf(direct.ctx, id)).toMatchObject({ state: 'completed', cancelRequestedAt: null })
  })

  it('retry resets the count of crashes', async () => {
    const id = await failedJob()
    await direct.ctx.db('jobs').where({ id }).update({ crashes: 6 })
    await retry(id)
    handler = done
    await direct.deliver(id)
    expect((await rowOf(direct.ctx, id)).state).toBe('completed')
  })

  it('retry is refused for running, completed and unknown jobs and where the domain forbids it', async () => {
    handler = done
    const completed = await enqueue(direct.ctx, job)
    await direct.deliver(completed)
    await expect(retry(completed)).rejects.toMatchObject({ code: 'STATE_001' })
    await expect(retry(await enqueue(direct.ctx, job))).rejects.toMatchObject({ code: 'STATE_001' })
    const forbidden = retry(await enqueue(direct.ctx, refusing))
    await expect(forbidden).rejects.toMatchObject({ code: 'STATE_001', message: 'Deploy again instead' })
    const unknown = await enqueue(direct.ctx, testJob(done, { name: 'retired' }))
    await expect(retry(unknown)).rejects.toMatchObject({ code: 'STATE_001' })
  })
})
