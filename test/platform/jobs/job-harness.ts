import { z } from 'zod'
import {
  type BoundJob,
  bindJob,
  type Job,
  type JobDefinition,
  type Outcome,
  type Run,
} from '../../../src/platform/jobs/index.ts'
import { findJob } from '../../../src/platform/jobs/store.ts'
import type { DeliveryJob } from '../../../src/platform/queues/index.ts'
import {
  createTestContext,
  startEngine,
  type TestContext,
  type TestContextOptions,
} from '../../helpers/context.ts'

export interface Payload {
  key: string
}
export type TestJob = JobDefinition<Payload, TestContext | undefined>

export const done = async (): Promise<Outcome> => ({ kind: 'done' })

/** A job of the queue `work` that does what the test says. */
export function testJob(
  handle: (payload: Payload, run: Run) => Promise<Outcome>,
  overrides: Partial<TestJob> = {},
): TestJob {
  return {
    queue: 'work',
    name: 'test',
    payload: z.strictObject({ key: z.string() }),
    maxAttempts: 3,
    timeoutMs: () => 30_000,
    backoff: { firstMs: 1000, maxMs: 8000 },
    handle: (_services, payload, run) => handle(payload, run),
    ...overrides,
  }
}

export const bound = (...jobs: TestJob[]): BoundJob[] => jobs.map((job) => bindJob(job, undefined))

/** A context whose runner is called by the test itself: no queue library, no loops, no clock. */
export async function startDirect(jobs: TestJob[], options: TestContextOptions = {}) {
  const ctx = await createTestContext({ ...options, jobs: () => bound(...jobs) })
  const without: ('dispatcher' | 'keeper' | 'reconciler')[] = ['dispatcher', 'keeper', 'reconciler']
  const engine = await startEngine(ctx, { queues: [], without })
  return {
    ctx,
    ...engine,
    /** A delivery of the job reaches this worker. @returns how it ended. */
    deliver: (id: string, queueName = 'work') => engine.runner.run(deliveryOf(id, queueName)),
    async dispose() {
      await engine.stop()
      await ctx.dispose()
    },
  }
}

export function deliveryOf(id: string, queueName = 'work'): DeliveryJob {
  return { data: { job: id }, queueName, opts: {}, timestamp: Date.now() } as DeliveryJob
}

let made = 0

export function enqueue(ctx: TestContext, job: TestJob, key = `key-${++made}`): Promise<string> {
  return ctx.db.transaction((trx) => ctx.enqueue(trx, job, { payload: { key } }))
}

export async function rowOf(ctx: TestContext, id: string): Promise<Job> {
  const row = await findJob(ctx.db, id)
  if (row === undefined) throw new Error('no such job')
  return row
}

/** The columns that a `Job` does not show. */
export const rawRow = (ctx: TestContext, id: string) => ctx.db('jobs').where({ id }).first()

/** As if the holder had been silent for longer than its lease. */
export const expireLease = (ctx: TestContext, id: string) =>
  ctx
    .db('jobs')
    .where({ id })
    .update({
      lease_until: ctx.db.raw("clock_timestamp() - interval '1 second'"),
      delivered_at: ctx.db.raw("clock_timestamp() - interval '10 seconds'"),
    })

export async function eventsOf(ctx: TestContext, id: string): Promise<[string, string][]> {
  const rows = await ctx
    .db('events')
    .where({ stream: `job:${id}` })
    .orderBy('seq')
  return rows.map((row) => [row.type, row.data.state])
}

/** A promise and its levers. */
export function gate<T = void>() {
  return Promise.withResolvers<T>()
}

/** Rejects with the signal's reason once it is aborted. */
export function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
