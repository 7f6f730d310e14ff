import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, inject, it, type TestContext as Running } from 'vitest'
import { correctFutureTimes } from '../../../src/platform/jobs/outbox/outbox.ts'
import { pruneJob } from '../../../src/platform/maintenance.ts'
import { backends, createTestContext, startEngine, type TestContext } from '../../helpers/context.ts'
import { programFile } from '../../helpers/program.ts'
import { compileCache } from '../../helpers/run-folder.ts'
import { until } from '../../helpers/until.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const shiftedClock = fileURLToPath(new URL('../../helpers/shifted-clock.mjs', import.meta.url))
const hour = 3_600_000

/** The queues of the jobs below. */
const queues = ['poll-orchestrators', 'maintenance']

/** A worker process whose time of day is wrong. @returns what kills it. */
async function startWorkerWithWrongClock(
  ctx: TestContext,
  shiftMs: number,
  onTestFinished: Running['onTestFinished'],
) {
  const dataDir = mkdtempSync(join(tmpdir(), 'capstan-wrong-clock-'))
  const { PATH = '', HOME = '' } = process.env
  const redisUrl = inject('redisUrl')
  const child: ChildProcess = spawn(
    process.execPath,
    ['--import', shiftedClock, programFile('workers/main'), ...queues],
    {
      cwd: root,
      env: {
        ...{ PATH, HOME, DATA_DIR: dataDir, DATABASE_URL: ctx.database.url, CLOCK_SHIFT_MS: `${shiftMs}` },
        ...(ctx.queues.backend === 'redis' && redisUrl !== undefined ? { REDIS_URL: redisUrl } : {}),
        NODE_COMPILE_CACHE: compileCache,
        SECRET_KEY: 'a-secret-key-of-the-tests-0123456789',
        LOCAL_CLOUD_TOKEN: 'a-local-cloud-token-of-the-tests',
        CLOUDFLARE_TARGET: 'local',
        ORCHESTRATOR_POLL_INTERVAL: '2',
      },
      stdio: 'ignore',
    },
  )
  const end = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  onTestFinished(async () => {
    await end()
    rmSync(dataDir, { recursive: true, force: true })
  })
  return end
}

// These wait for schedules and delays.
describe.concurrent.each(backends())('a worker over %s whose clock', (backend) => {
  it.concurrent.for([
    ['an hour ahead', hour],
    ['an hour behind', -hour],
  ] as const)(
    'is %s changes neither schedules nor delays of other workers',
    { timeout: 120_000 },
    async ([, shiftMs], { onTestFinished }) => {
      const env = { ORCHESTRATOR_POLL_INTERVAL: '2' }
      const ctx = await createTestContext({ backend, env })
      onTestFinished(ctx.dispose)
      const { db } = ctx
      const polls = (state: string) => db('jobs').where({ name: 'poll-cycle', state })
      const end = await startWorkerWithWrongClock(ctx, shiftMs, onTestFinished)
      await until(async () => (await polls('completed')).length >= 3, { timeoutMs: 60_000 })
      // A job that waits, made while only the wrong clock is there to deliver it.
      const delayMs = 4000
      const id = await db.transaction((trx) => ctx.enqueue(trx, pruneJob, { payload: {}, delayMs }))
      const { run_at: runAt } = await db('jobs').where({ id }).first()
      await until(async () => (await polls('completed')).length >= 4)
      await end()

      const engine = await startEngine(ctx, { queues })
      onTestFinished(engine.stop)
      const before = (await polls('completed')).length
      await until(async () => (await polls('completed')).length >= before + 2, { timeoutMs: 20_000 })
      const ended = await until(async () => {
        const row = await db('jobs').where({ id }).first()
        return row.state === 'completed' && row
      })
      expect(ended.started_at.getTime()).toBeGreaterThanOrEqual(runAt.getTime())
      expect(ended.started_at.getTime() - runAt.getTime()).toBeLessThan(15_000)
      const { rows } = await db.raw(
        `select key from job_schedules where next_at > clock_timestamp() + every_ms * interval '1 millisecond'`,
      )
      expect(rows).toEqual([])
      const cycles = await db('orchestrator_cycles').whereRaw(
        'abs(extract(epoch from started_at - now())) > 1800',
      )
      expect(cycles).toEqual([])
      const counts = await ctx.queues.get('poll-orchestrators').getJobCounts()
      expect(counts.delayed).toBe(0)
    },
  )
})

describe.concurrent('rows written by a clock that was ahead', () => {
  it('are corrected: the job runs, and the lease of a dead worker ends', async ({ onTestFinished }) => {
    const ctx = await createTestContext()
    onTestFinished(ctx.dispose)
    const { db } = ctx
    const make = () => db.transaction((trx) => ctx.enqueue(trx, pruneJob, { payload: {} }))
    const [late, held] = [await make(), await make()]
    const ahead = db.raw("now() + interval '2 hours'")
    await db('jobs').where({ id: late }).update({ run_at: ahead })
    await db('jobs').where({ id: held }).update({
      state: 'running',
      lease_until: ahead,
      undelivered: false,
      delivered_at: ahead,
      checked_at: ahead,
      fence: 1,
      attempt: 1,
    })
    const engine = await startEngine(ctx, { queues: ['maintenance'] })
    onTestFinished(engine.stop)
    for (const id of [late, held])
      await until(async () => (await db('jobs').where({ id }).first()).state === 'completed', {
        timeoutMs: 20_000,
      })
  })

  it('do not include jobs delayed by a process of the previous version', async ({ onTestFinished }) => {
    const ctx = await createTestContext()
    onTestFinished(ctx.dispose)
    const { db } = ctx
    const id = await db.transaction((trx) => ctx.enqueue(trx, pruneJob, { payload: {} }))
    const old = await db('jobs').where({ id }).first('id', 'queue', 'name', 'payload', 'max_attempts')
    await db('jobs').where({ id }).delete()
    await db('jobs').insert({ ...old, run_at: db.raw("clock_timestamp() + interval '1 hour'") })
    expect(await correctFutureTimes(db)).toBe(0)
    const { delay_ms: delayMs } = await db('jobs').where({ id }).first()
    expect(Number(delayMs)).toBeGreaterThan(3_590_000)
  })

  it('are delivered again if the queue store delays them', async ({ onTestFinished }) => {
    const ctx = await createTestContext()
    onTestFinished(ctx.dispose)
    const { db } = ctx
    const id = await db.transaction((trx) => ctx.enqueue(trx, pruneJob, { payload: {} }))
    await ctx.queues.get('maintenance').add('prune', { job: id }, { jobId: `${id}-1`, delay: 2 * hour })
    await db('jobs')
      .where({ id })
      .update({ undelivered: false, delivery: 1, delivered_at: db.raw("now() - interval '1 minute'") })
    const engine = await startEngine(ctx, { queues: ['maintenance'] })
    onTestFinished(engine.stop)
    await until(async () => (await db('jobs').where({ id }).first()).state === 'completed')
  })
})
