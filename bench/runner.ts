import { type ChildProcess, fork, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from '../src/config.ts'
import { type Context, createContext } from '../src/context.ts'
import { startEmbeddedPostgres } from '../src/embedded/postgres/index.ts'
import { createOutboxDispatcher } from '../src/platform/jobs/index.ts'
import { insertJobs } from '../src/platform/jobs/store.ts'
import { createLogger } from '../src/platform/logging/logging.ts'
import { migrateUp } from '../src/platform/postgres/db.ts'
import { type DeliveryQueue, migrateQueues } from '../src/platform/queues/index.ts'
import { concurrency } from './noop.ts'

/**
 * Jobs per second of one worker process, ours (claim, lease, events, outcome) against a bare worker of the queue
 * library, on both backends, and the time from enqueueing to done one at a time. `node bench/runner.ts [jobs]`
 */
const log = createLogger({ level: 'warn', process: 'bench' })
const count = Number(process.argv[2] ?? 6000)
const rounds = 60

interface Side {
  fill(jobs: number): Promise<void>
  done(): Promise<number>
  /** Milliseconds from handing one job over until it is done. */
  latency(): Promise<number>
}

async function untilDone(side: Side, target: number): Promise<void> {
  while ((await side.done()) < target) await new Promise((resolve) => setTimeout(resolve, 25))
}

function ourSide(ctx: Context): Side {
  const { db, queues } = ctx
  const outboxDispatcher = createOutboxDispatcher({ db, queues, log })
  const row = (n: number) => ({
    id: randomUUID(),
    queue: 'bench',
    name: 'noop',
    payload: { n },
    maxAttempts: 3,
  })
  const done = async () => Number((await db('jobs').where({ state: 'completed' }).count())[0]?.count)
  return {
    done,
    async fill(jobs) {
      for (let n = 0; n < jobs; n += 500) {
        await insertJobs(
          db,
          Array.from({ length: Math.min(500, jobs - n) }, (_, i) => row(n + i)),
        )
      }
      await outboxDispatcher.start()
      while ((await db('jobs').where({ undelivered: true }).first('id')) !== undefined) {
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    },
    async latency() {
      const job = row(0)
      const startedAt = performance.now()
      await insertJobs(db, [job])
      outboxDispatcher.nudge()
      while ((await db('jobs').where({ id: job.id, state: 'completed' }).first('id')) === undefined)
        await tick()
      return performance.now() - startedAt
    },
  }
}

function bareSide(queue: DeliveryQueue): Side {
  return {
    done: async () => queue.getMetrics('completed').then(() => finished(queue)),
    async fill(jobs) {
      for (let n = 0; n < jobs; n += 100) {
        await queue.addBulk(
          Array.from({ length: 100 }, (_, i) => ({ name: 'noop', data: { job: `${n + i}` } })),
        )
      }
    },
    async latency() {
      const startedAt = performance.now()
      const job = await queue.add('noop', { job: 'one' })
      while ((await queue.getJobState(job.id ?? '')) !== 'completed') await tick()
      return performance.now() - startedAt
    },
  }
}

/** Finished = added so far and no longer in the line; the records of finished jobs are trimmed. */
let added = 0
async function finished(queue: DeliveryQueue): Promise<number> {
  const counts = await queue.getJobCounts('waiting', 'active', 'delayed', 'prioritized')
  return added - Object.values(counts).reduce((sum, each) => sum + each, 0)
}

const tick = () => new Promise((resolve) => setTimeout(resolve, 1))

async function measure(kind: 'ours' | 'bare', side: Side, env: NodeJS.ProcessEnv) {
  const before = kind === 'ours' ? await side.done() : 0
  added = count
  await side.fill(count)
  const worker: ChildProcess = fork(new URL('runner-worker.ts', import.meta.url), [kind], { env })
  await once(worker, 'message')
  const startedAt = performance.now()
  await untilDone(side, before + count)
  const perSecond = count / ((performance.now() - startedAt) / 1000)
  const latencies: number[] = []
  for (let i = 0; i < rounds; i++) latencies.push(await side.latency())
  latencies.sort((a, b) => a - b)
  worker.disconnect()
  await once(worker, 'exit')
  const at = (share: number) => latencies[Math.floor(share * (rounds - 1))] ?? 0
  return { perSecond, p50: at(0.5), p99: at(0.99) }
}

async function backend(name: string, env: NodeJS.ProcessEnv): Promise<void> {
  const ctx = createContext(loadConfig(env), 'bench')
  await ctx.queues.ready()
  const bare = await measure('bare', bareSide(ctx.queues.get('bare')), env)
  const ours = await measure('ours', ourSide(ctx), env)
  const rows = Number((await ctx.db('events').count())[0]?.count)
  const show = (x: number) => x.toFixed(1).padStart(8)
  console.log(`${name}: ${count} no-op jobs, concurrency ${concurrency}, ${rows} event rows written by ours`)
  console.log(
    `  bare library  ${show(bare.perSecond)} jobs/s   add to done p50 ${show(bare.p50)} ms  p99 ${show(bare.p99)} ms`,
  )
  console.log(
    `  ours          ${show(ours.perSecond)} jobs/s   add to done p50 ${show(ours.p50)} ms  p99 ${show(ours.p99)} ms`,
  )
  console.log(
    `  share ${((100 * ours.perSecond) / bare.perSecond).toFixed(0)} %, added p50 ${show(ours.p50 - bare.p50)} ms, p99 ${show(ours.p99 - bare.p99)} ms`,
  )
  await ctx.dispose()
}

const dataDir = mkdtempSync(join(tmpdir(), 'capstan-bench-'))
const postgres = await startEmbeddedPostgres({ dataDir, log })
const env = {
  ...process.env,
  DATA_DIR: dataDir,
  DATABASE_URL: postgres.url,
  SECRET_KEY: 'bench-bench-bench-0123456789-bench',
  LOG_LEVEL: 'warn',
}
const redis = spawn(
  'redis-server',
  ['--port', '7399', '--save', '', '--appendonly', 'yes', '--dir', dataDir],
  { stdio: 'ignore' },
)
try {
  await migrateUp(postgres.url)
  await migrateQueues(postgres.url)
  await backend('PostgreSQL', env)
  const reset = createContext(loadConfig(env), 'bench')
  await reset.db.raw('truncate jobs, events, streams')
  await reset.dispose()
  await backend('Redis', { ...env, REDIS_URL: 'redis://127.0.0.1:7399' })
} finally {
  redis.kill()
  await postgres.stop()
  rmSync(dataDir, { recursive: true, force: true })
}
process.exit(0)
