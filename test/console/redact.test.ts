import { UnrecoverableError } from 'bullmq'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { redact } from '../../src/console/redact.ts'
import { until } from '../helpers/until.ts'
import { type ConsoleWorld, startConsole } from './harness.ts'

describe('redaction', () => {
  test.each<[string, unknown, unknown]>([
    [
      'keeps only the ids of rows and schedules in data',
      { data: { job: 'a', schedule: 'b', secret: 'x' } },
      { data: { job: 'a', schedule: 'b' } },
    ],
    ['removes objects from data', { data: { job: { password: 'x' } } }, { data: {} }],
    ['hides data that is a text', { data: 'hunter2' }, { data: '[redacted]' }],
    ['keeps only numbers in a list of data, for metrics', { data: [1, 'x', { a: 1 }] }, { data: [1] }],
    [
      'keeps only harmless options',
      { opts: { attempts: 3, delay: 1, env: 'x', parent: {} } },
      { opts: { attempts: 3, delay: 1 } },
    ],
    ['removes stack traces', { stacktrace: ['Error: x\n at y'] }, { stacktrace: [] }],
    [
      'removes return values in both spellings',
      { returnValue: { a: 1 }, returnvalue: 'x' },
      { returnValue: null, returnvalue: null },
    ],
    [
      'masks secrets in texts',
      { failedReason: 'password=hunter2 failed' },
      { failedReason: 'password=[redacted] failed' },
    ],
    ['masks secrets in lists', ['Bearer abcdefgh1234'], ['Bearer [redacted]']],
    [
      'masks secrets in progress at any depth',
      { progress: { a: [{ b: 'token: abc' }] } },
      { progress: { a: [{ b: 'token: [redacted]' }] } },
    ],
    ['masks passwords in URLs', { m: 'postgres://u:pw@host/db' }, { m: 'postgres://u:[redacted]@host/db' }],
    [
      'keeps other values',
      { id: 'x', n: 1, t: true, z: null, u: undefined },
      { id: 'x', n: 1, t: true, z: null, u: undefined },
    ],
  ])('%s', (_, value, redacted) => {
    expect(redact(value)).toEqual(redacted)
  })
})

describe('responses of the console', () => {
  const plain = 'planted-plain-text-secret'
  const tokens = [
    `cfut_${'a'.repeat(40)}`,
    `ghs_${'b'.repeat(40)}`,
    `ora_${'c'.repeat(40)}`,
    `eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.${'d'.repeat(43)}`,
  ]
  const text = [...tokens, 'password=hunter2hunter2', 'Authorization: Basic dXNlcjpwYXNzd29yZA=='].join(' ')
  const secrets = [plain, ...tokens, 'hunter2hunter2', 'dXNlcjpwYXNzd29yZA==']

  let world: ConsoleWorld
  beforeAll(async () => {
    world = await startConsole()
  })
  afterAll(() => world.stop())

  test('show no secret of a delivery, in any of its fields', async () => {
    const queue = world.ctx.queues.get('rollback')
    const add = (jobId: string) =>
      queue.add(
        'rollback',
        { job: 'the-row', token: plain } as never,
        { jobId, env: plain, stackTraceLimit: 5 } as never,
      )
    const settings = { concurrency: 1 }
    const worker = world.ctx.queues.createWorker(
      'rollback',
      async (job) => {
        await job.log(text)
        await job.updateProgress({ note: text })
        if (job.id === 'fails') {
          const error = new UnrecoverableError(text)
          error.stack = `Error: ${plain} ${text}\n    at ${plain}`
          throw error
        }
        return { secret: plain }
      },
      settings,
    )
    worker.run().catch(() => undefined)
    try {
      await add('fails')
      await add('works')
      await until(
        async () => (await queue.getJobCounts()).failed === 1 && (await queue.getJobCounts()).completed === 1,
      )
    } finally {
      await worker.close()
    }
    const stored = JSON.stringify([
      await queue.getJob('fails'),
      await queue.getJob('works'),
      await queue.getJobLogs('fails'),
    ])
    for (const secret of secrets) expect(stored).toContain(secret)

    for (const path of [
      '/api/queues?activeQueue=rollback&status=failed&page=1&jobsPerPage=10',
      '/api/queues?activeQueue=rollback&status=completed&page=1&jobsPerPage=10',
      '/api/queues?activeQueue=rollback&status=latest&page=1&jobsPerPage=10',
      '/api/queues/rollback/fails',
      '/api/queues/rollback/works',
      '/api/queues/rollback/fails/logs',
      '/api/queues/rollback/works/logs',
      '/api/queues/rollback/fails/flow',
      '/api/job-schedulers',
    ]) {
      const answer = await world.call(path)
      expect([path, answer.status]).toEqual([path, 200])
      for (const secret of secrets) expect(`${path} ${answer.text}`).not.toContain(secret)
    }
    const shown = (await world.call('/api/queues/rollback/fails')).json.job
    expect(shown).toMatchObject({
      id: 'fails',
      name: 'rollback',
      data: { job: 'the-row' },
      stacktrace: [],
      returnValue: null,
    })
    expect(shown.failedReason).toContain('[redacted]')
  })
})
