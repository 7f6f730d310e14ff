import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type ConsoleWorld, startConsole } from './harness.ts'

let world: ConsoleWorld
beforeAll(async () => {
  world = await startConsole()
})
beforeEach(async () => {
  await world.ctx.db('audit_entries').delete()
})
afterAll(() => world.stop())

const failed = {
  state: 'failed',
  attempt: 3,
  finished_at: new Date(),
  error: { code: 'SYS_001', message: 'x' },
}
const queue = '/api/queues/rollback'

describe('removing a delivery', () => {
  test('of a waiting job cancels the job and is recorded', async () => {
    const id = await world.job()
    const answer = await world.put(`${queue}/${id}-1/clean`)
    expect(answer.status).toBe(204)
    expect((await world.row(id)).state).toBe('cancelled')
    expect(await world.audit()).toEqual([
      { principal: 'the-admin', action: 'console PUT', target: `${queue}/${id}-1/clean`, outcome: 'done' },
    ])
    const [entry] = await world.ctx.db('audit_entries')
    expect(entry.correlation_id).toBe(answer.headers.get('x-request-id'))
  })

  test('of a running job requests its cancellation', async () => {
    const lease = new Date(Date.now() + 60_000)
    const id = await world.job({ state: 'running', attempt: 1, lease_until: lease, started_at: new Date() })
    expect((await world.put(`${queue}/${id}-1/clean`)).status).toBe(204)
    const row = await world.row(id)
    expect([row.state, row.cancel_requested_at === null]).toEqual(['running', false])
  })

  test('of a finished job removes the record in the queue store and keeps the row', async () => {
    const id = await world.job(failed)
    expect((await world.put(`${queue}/${id}-1/clean`)).status).toBeLessThan(300)
    expect(await world.delivery(id)).toBeUndefined()
    expect((await world.row(id)).state).toBe('failed')
    expect((await world.audit()).map((entry) => entry.outcome)).toEqual(['forwarded'])
  })

  test('of an earlier attempt does not affect the job that runs in a later delivery', async () => {
    const id = await world.job({ delivery: 2 })
    expect((await world.put(`${queue}/${id}-1/clean`)).status).toBeLessThan(300)
    expect(await world.delivery(id)).toBeUndefined()
    const row = await world.row(id)
    expect([row.state, row.cancel_requested_at]).toEqual(['queued', null])
  })

  test('is rolled back if it cannot be recorded', async () => {
    const id = await world.job()
    await world.ctx.db.raw('alter table audit_entries rename to audit_entries_away')
    const answer = await world.put(`${queue}/${id}-1/clean`)
    await world.ctx.db.raw('alter table audit_entries_away rename to audit_entries')
    expect([answer.status, answer.json.error.code]).toEqual([500, 'SYS_001'])
    expect((await world.row(id)).state).toBe('queued')
  })
})

describe('retrying a job', () => {
  test('is refused with a reason where the jobs API refuses it, and recorded as refused', async () => {
    const id = await world.job(failed)
    const answer = await world.put(`${queue}/${id}-1/retry`)
    expect([answer.status, answer.json.error.code]).toEqual([409, 'STATE_001'])
    expect(answer.json.error.message).toMatch(/retried with their deployment/)
    expect((await world.row(id)).state).toBe('failed')
    expect(await world.audit()).toMatchObject([{ action: 'console PUT', outcome: 'refused' }])
  })

  test('runs a failed job again', async () => {
    const id = await world.job({ ...failed, queue: 'maintenance', name: 'prune', payload: {} })
    const answer = await world.put(`/api/queues/maintenance/${id}-1/retry/failed`)
    expect(answer.status).toBe(403)
    const again = await world.put(`/api/queues/maintenance/${id}-1/retry`)
    expect(again.status).toBe(204)
    expect((await world.row(id)).state).toBe('queued')
    expect((await world.audit()).map((entry) => entry.outcome)).toEqual(['refused', 'done'])
  })

  test('is refused for a delivery created by a schedule, which has no row', async () => {
    for (const action of ['retry', 'clean']) {
      const answer = await world.put(`${queue}/repeat:prune:1/${action}`)
      expect([answer.status, answer.json.error.code]).toEqual([409, 'STATE_001'])
    }
  })

  test('answers 404 for an unknown job', async () => {
    const answer = await world.put(`${queue}/00000000-0000-4000-8000-000000000000-1/retry`)
    expect([answer.status, answer.json.error.code]).toEqual([404, 'SYS_005'])
  })
})

describe('an action of the library is forwarded and recorded', () => {
  test('for pausing and resuming one queue or all', async () => {
    const paused = () => world.ctx.queues.get('rollback').isPaused()
    for (const [path, state] of [
      ['/api/queues/rollback/pause', true],
      ['/api/queues/rollback/resume', false],
      ['/api/queues/pause', true],
      ['/api/queues/resume', false],
    ] as const) {
      expect((await world.put(path)).status).toBe(200)
      expect(await paused()).toBe(state)
    }
    expect((await world.audit()).map((entry) => [entry.target, entry.outcome])).toEqual([
      ['/api/queues/rollback/pause', 'forwarded'],
      ['/api/queues/rollback/resume', 'forwarded'],
      ['/api/queues/pause', 'forwarded'],
      ['/api/queues/resume', 'forwarded'],
    ])
  })

  test.each(['completed', 'failed'])('for clearing the records of %s deliveries', async (status) => {
    expect((await world.put(`${queue}/clean/${status}`)).status).toBe(200)
    expect((await world.audit()).map((entry) => entry.outcome)).toEqual(['forwarded'])
  })
})

const job = '00000000-0000-4000-8000-000000000000-1'
const refused: [method: string, path: string][] = [
  ['POST', `${queue}/add`],
  ['PUT', `${queue}/retry/failed`],
  ['PUT', `${queue}/retry/completed`],
  ['PUT', `${queue}/promote`],
  ['PUT', `${queue}/empty`],
  ['PUT', `${queue}/obliterate`],
  ['PUT', `${queue}/concurrency`],
  ['PUT', `${queue}/rate-limit`],
  ['PUT', `${queue}/rate-limit/release`],
  ...['active', 'wait', 'waiting', 'delayed', 'paused', 'prioritized'].map((status): [string, string] => [
    'PUT',
    `${queue}/clean/${status}`,
  ]),
  ['PUT', `${queue}/job-schedulers/prune/remove`],
  ['PUT', `${queue}/job-schedulers/prune/run`],
  ['PATCH', `${queue}/job-schedulers/prune`],
  ['PUT', `${queue}/${job}/promote`],
  ['PATCH', `${queue}/${job}/update-data`],
  ['PATCH', `${queue}/${job}/delay`],
  ['PATCH', `${queue}/${job}/priority`],
  ['PUT', `${queue}/${job}/remove-unprocessed-children`],
  ['POST', `${queue}/${job}/retry`],
  ['DELETE', queue],
  ['PUT', '/api/queues/an-unknown-action'],
  ['POST', '/api/metrics/history/purge'],
  ['PUT', `${queue}/clean/active/`],
  ['PUT', '//api/queues/rollback/obliterate'],
]

describe('any other write is refused with a reason, recorded, and changes nothing', () => {
  test.each(refused)('%s %s', async (method, path) => {
    const before = await world.ctx.queues.get('rollback').getJobCounts()
    const answer = await world.call(path, { method })
    expect([answer.status, answer.json.error.code]).toEqual([403, 'ACCESS_003'])
    expect(answer.json.error).toMatchObject({
      message: expect.any(String),
      suggestedAction: expect.any(String),
    })
    expect(await world.ctx.queues.get('rollback').getJobCounts()).toEqual(before)
    expect((await world.audit()).map((entry) => [entry.action, entry.outcome])).toEqual([
      [`console ${method}`, 'refused'],
    ])
  })

  test('the tests cover every write route of the library', async () => {
    const { appRoutes } = await import('@bull-board/api/dist/routes.js')
    const known = new Set([
      ...refused.map(([method, path]) => `${method} ${path}`),
      ...['pause', 'resume'].flatMap((verb) => [`PUT /api/queues/${verb}`, `PUT ${queue}/${verb}`]),
      ...['retry', 'clean'].map((verb) => `PUT ${queue}/${job}/${verb}`),
    ])
    const sample = (path: string) =>
      path
        .replace(':queueName', 'rollback')
        .replace(':jobId', job)
        .replace(':schedulerId', 'prune')
        .replace('clean/:queueStatus', 'clean/active')
        .replace(':queueStatus', 'failed')
    const writes = appRoutes.api.flatMap(({ method, route }) =>
      [method]
        .flat()
        .flatMap((verb) => [route].flat().map((path) => `${verb.toUpperCase()} ${sample(path)}`)),
    )
    expect(writes.filter((write) => !write.startsWith('GET ') && !known.has(write))).toEqual([])
    expect(writes.length).toBeGreaterThan(30)
  })
})
