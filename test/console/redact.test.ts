import { UnrecoverableError } from 'bullmq'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { redact } from '../../src/console/redact.ts'
import { until } from '../helpers/until.ts'
import { type ConsoleWorld, startConsole } from './harness.ts'

describe('redaction', () => {
  test.each<[string, unknown, unknown]>([
    [
      'data keeps the ids of ours',
      { data: { job: 'a', schedule: 'b', secret: 'x' } },
      { data: { job: 'a', schedule: 'b' } },
    ],
    ['data keeps no objects', { data: { job: { password: 'x' } } }, { data: {} }],
    ['data that is a text is not shown', { data: 'hunter2' }, { data: '[redacted]' }],
    ['data that is a list keeps numbers, as metrics have', { data: [1, 'x', { a: 1 }] }, { data: [1] }],
    [
      'options keep what is harmless',
      { opts: { attempts: 3, delay: 1, env: 'x', parent: {} } },
      { opts: { attempts: 3, delay: 1 } },
    ],
    ['stack traces go', { stacktrace: ['Error: x\n at y'] }, { stacktrace: [] }],
    [
      'return values go, in both spellings',
      { returnValue: { a: 1 }, returnvalue: 'x' },
      { returnValue: null, returnvalue: null },
    ],
    [
      'texts are masked',
      { failedReason: 'password=hunter2 failed' },
      { failedReason: 'password=[redacted] failed' },
    ],
    ['texts in lists are masked', ['Bearer abcdefgh1234'], ['Bearer [redacted]']],
    [
      'progress is masked at any depth',
      { progress: { a: [{ b: 'token: abc' }] } },
      { progress: { a: [{ b: 'token: [redacted]' }] } },
    ],
    [
      'addresses lose their passwords',
      { m: 'postgres://u:pw@host/db' },
      { m: 'postgres://u:[redacted]@host/db' },
    ],
    [
      'other values stay',
      { id: 'x', n: 1, t: true, z: null, u: undefined },
      { id: 'x', n: 1, t: true, z: null, u: undefined },
    ],
  ])('%s', (_, given, shown) => {
    expect(redact(given)).toEqual(shown)
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
