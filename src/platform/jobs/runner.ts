import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { Knex } from 'knex'
import { createBatcher } from '../batcher.ts'
import { isDatabaseUnavailable } from '../db.ts'
import { pause } from '../deadline.ts'
import { CodedError } from '../errors.ts'
import type { Logger } from '../logging.ts'
import type { DeliveryJob } from '../queues/index.ts'
import { maskSecrets } from '../redact.ts'
import { type BoundJob, LostLease, type Outcome, type Run, type RunAborted } from './definition.ts'
import type { LeaseKeeper } from './lease-keeper.ts'
import {
  assertHolder,
  type ClaimResult,
  claimJobs,
  type Finish,
  finishRuns,
  type Lease,
  writeProgress,
} from './leases.ts'
import { insertDueJob } from './store.ts'

/** What the queue library is told about a delivery; `queue-worker.ts` puts it into its words. */
export type DeliveryEnd =
  | { kind: 'completed' }
  | { kind: 'retry'; delayMs: number; code: string }
  | { kind: 'later'; delayMs: number }
  | { kind: 'failed'; code: string }

export interface RunnerOptions {
  db: Knex
  jobs: readonly BoundJob[]
  keeper: LeaseKeeper
  log: Logger
  /** Wakes the dispatcher after a hand-over. */
  nudge: () => void
}

export interface Runner {
  run(delivery: DeliveryJob): Promise<DeliveryEnd>
  /** Resolves when every outcome of finished runs is recorded. */
  idle(): Promise<void>
}

// A job whose worker dies this often is more likely the cause than the victim.
const maxCrashes = 5

/**
 * The pipeline around every handler: identify -> claim -> parse -> run under signals -> record the outcome. The
 * row decides everything; what the queue library believes about its delivery never does.
 */
export function createRunner(options: RunnerOptions): Runner {
  const { db, keeper, log } = options
  const worker = `${hostname()}:${process.pid}`
  const known = new Map(options.jobs.map((job) => [`${job.queue}/${job.name}`, job]))
  const claims = createBatcher<string, ClaimResult>((ids) =>
    whileDatabaseIsAway(() => claimJobs(db, ids, worker)),
  )
  const finishes = createBatcher<Finish, boolean>((batch) =>
    whileDatabaseIsAway(async () => {
      const held = await db.transaction((trx) => finishRuns(trx, batch))
      return batch.map((each) => held.has(each.lease.id))
    }),
  )
  const progress = createBatcher<{ lease: Lease; value: unknown }, undefined>(async (batch) => {
    await writeProgress(db, [...new Map(batch.map((entry) => [entry.lease.id, entry])).values()])
    return batch.map(() => undefined)
  })

  async function run(delivery: DeliveryJob): Promise<DeliveryEnd> {
    const id = await identify(delivery)
    if (id === undefined) return { kind: 'completed' }
    const claim = await claims.add(id)
    if (claim.kind === 'finished') return { kind: 'completed' }
    if (claim.kind === 'held') return { kind: 'later', delayMs: claim.forMs }
    const { lease } = claim
    const job = known.get(`${lease.queue}/${lease.name}`)
    const signal = keeper.hold(lease)
    const startedAt = performance.now()
    try {
      const outcome = await attempt(job, lease, signal)
      const end = await record(lease, { job, outcome })
      const durationMs = Math.round(performance.now() - startedAt)
      log.debug(
        { jobId: id, name: lease.name, attempt: lease.attempt, outcome: end.kind, durationMs },
        'run ended',
      )
      return end
    } catch (error) {
      if (!(error instanceof LostLease)) throw error
      log.warn(
        { jobId: id, name: lease.name, attempt: lease.attempt },
        'the lease was lost; another holder goes on',
      )
      return { kind: 'completed' }
    } finally {
      keeper.release(lease)
    }
  }

  /** The row of a delivery; a scheduled one makes its row now, once per due time. */
  async function identify(delivery: DeliveryJob): Promise<string | undefined> {
    if ('job' in delivery.data) return delivery.data.job
    const { schedule } = delivery.data
    const job = known.get(`${delivery.queueName}/${schedule}`)
    if (job === undefined) {
      log.warn({ queue: delivery.queueName, name: schedule }, 'no such schedule in this version; dropped')
      return undefined
    }
    const dueAt = delivery.opts.prevMillis ?? delivery.timestamp
    const row = {
      id: randomUUID(),
      queue: job.queue,
      name: job.name,
      payload: {},
      maxAttempts: job.maxAttempts,
    }
    const due = { key: `${job.queue}/${job.name}@${dueAt}`, lateMs: Math.max(0, Date.now() - dueAt) }
    return whileDatabaseIsAway(() => insertDueJob(db, row, due))
  }

  async function attempt(job: BoundJob | undefined, lease: Lease, held: AbortSignal): Promise<Outcome> {
    if (job === undefined) return failed('SYS_001', `no handler for the job ${lease.queue}/${lease.name}`)
    if (lease.cancelRequested) return { kind: 'cancelled' }
    if (lease.crashes > maxCrashes)
      return failed('SYS_001', `the worker died ${lease.crashes} times in this job`)
    const payload = job.payload.safeParse(lease.payload)
    if (!payload.success) return failed('SYS_001', 'the payload does not fit the job')
    const limit = AbortSignal.timeout(job.timeoutMs(payload.data))
    const signal = AbortSignal.any([held, limit])
    try {
      return await job.handle(payload.data, runOf(lease, signal))
    } catch (error) {
      return outcomeOf(error, { held, limit })
    }
  }

  function runOf(lease: Lease, signal: AbortSignal): Run {
    const { id, attempt: number, maxAttempts, correlationId } = lease
    return {
      jobId: id,
      attempt: number,
      maxAttempts,
      correlationId,
      signal,
      log: log.child({ jobId: id, correlationId: correlationId ?? undefined }),
      write: (work) =>
        db.transaction(async (trx) => {
          await assertHolder(trx, lease)
          return work(trx)
        }),
      progress(value) {
        progress
          .add({ lease, value })
          .catch((error) => log.warn({ jobId: id, err: error }, 'progress not written'))
      },
    }
  }

  /** Turns what a handler threw into an outcome; unexpected errors are tried again, they may be the weather. */
  function outcomeOf(error: unknown, signals: { held: AbortSignal; limit: AbortSignal }): Outcome {
    if (signals.held.aborted) {
      const { why } = signals.held.reason as RunAborted
      if (why === 'cancelled') return { kind: 'cancelled' }
      if (why === 'shutdown') return { kind: 'snooze', ms: 0 }
      throw new LostLease()
    }
    if (error instanceof LostLease) throw error
    if (signals.limit.aborted) {
      return {
        kind: 'retry',
        error: new CodedError('SYS_004', 'the attempt took longer than its time limit'),
      }
    }
    if (error instanceof CodedError) {
      if (!error.retryable) return { kind: 'failed', error }
      const { retryAfter } = error.options
      return { kind: 'retry', error, ...(retryAfter === undefined ? {} : { afterMs: retryAfter * 1000 }) }
    }
    log.error({ err: error }, 'a handler failed unexpectedly')
    const code = isDatabaseUnavailable(error) ? 'SYS_002' : 'SYS_001'
    return {
      kind: 'retry',
      error: new CodedError(code, 'an unexpected fault, see the log', { cause: error }),
    }
  }

  /** @throws LostLease when somebody else holds the job by now: then nothing is written. */
  async function record(
    lease: Lease,
    ended: { job: BoundJob | undefined; outcome: Outcome },
  ): Promise<DeliveryEnd> {
    const { job } = ended
    const outcome = withinBudget(ended.outcome, lease)
    const { finish, end } = translate(outcome, {
      lease,
      backoff: job?.backoff ?? { firstMs: 1000, maxMs: 1000 },
    })
    const commit = outcome.kind === 'done' ? outcome.commit : settlement(job, lease, outcome)
    if (commit === undefined) {
      if (!(await finishes.add(finish))) throw new LostLease()
    } else {
      await whileDatabaseIsAway(() =>
        db.transaction(async (trx) => {
          await assertHolder(trx, lease)
          await commit(trx)
          await finishRuns(trx, [finish])
        }),
      )
    }
    if (finish.redeliver) options.nudge()
    return end
  }

  return {
    run,
    async idle() {
      await Promise.all([claims.idle(), finishes.idle(), progress.idle()])
    },
  }
}

/** What the domain makes true together with a final ending. */
function settlement(job: BoundJob | undefined, lease: Lease, outcome: Outcome) {
  const { settle } = job ?? {}
  if (job === undefined || settle === undefined) return undefined
  const payload = job.payload.safeParse(lease.payload)
  if (!payload.success) return undefined
  if (outcome.kind === 'failed') {
    const ending = { state: 'failed' as const, error: outcome.error }
    return (trx: Knex.Transaction) => settle(trx, { payload: payload.data, ending })
  }
  if (outcome.kind === 'cancelled') {
    return (trx: Knex.Transaction) => settle(trx, { payload: payload.data, ending: { state: 'cancelled' } })
  }
  return undefined
}

function withinBudget(outcome: Outcome, lease: Lease): Outcome {
  if (outcome.kind !== 'retry' || lease.attempt < lease.maxAttempts) return outcome
  return { kind: 'failed', error: outcome.error }
}

function translate(
  outcome: Outcome,
  run: { lease: Lease; backoff: { firstMs: number; maxMs: number } },
): { finish: Finish; end: DeliveryEnd } {
  const { lease } = run
  switch (outcome.kind) {
    case 'done':
      return { finish: { lease, state: 'completed' }, end: { kind: 'completed' } }
    case 'cancelled':
      return { finish: { lease, state: 'cancelled' }, end: { kind: 'failed', code: 'cancelled' } }
    case 'failed': {
      const { code } = outcome.error
      return {
        finish: { lease, state: 'failed', error: shown(outcome.error) },
        end: { kind: 'failed', code },
      }
    }
    case 'retry': {
      const delayMs = outcome.afterMs ?? backoffMs(lease.attempt, run.backoff)
      const finish: Finish = { lease, state: 'retrying', error: shown(outcome.error), delayMs }
      return { finish, end: { kind: 'retry', delayMs, code: outcome.error.code } }
    }
    case 'snooze':
      // Through the outbox: a hand-over must not depend on this process's connection to the queue store.
      return {
        finish: { lease, state: 'queued', delayMs: outcome.ms, redeliver: true },
        end: { kind: 'completed' },
      }
  }
}

const shown = (error: CodedError) => ({
  code: error.code,
  message: maskSecrets(error.message).slice(0, 2000),
})

/** Exponential with full jitter in the upper half: 1x to 2x never meet, and a herd spreads out. */
function backoffMs(attempt: number, backoff: { firstMs: number; maxMs: number }): number {
  const ceiling = Math.min(backoff.maxMs, backoff.firstMs * 2 ** (attempt - 1))
  return Math.round(ceiling * (0.5 + Math.random() / 2))
}

function failed(code: 'SYS_001', message: string): Outcome {
  return { kind: 'failed', error: new CodedError(code, message) }
}

/** Claims and outcomes wait for a database that restarts; the lease decides whether they still count then. */
async function whileDatabaseIsAway<T>(work: () => Promise<T>): Promise<T> {
  const giveUpAt = Date.now() + 60_000
  for (let waitMs = 100; ; waitMs = Math.min(waitMs * 2, 2000)) {
    try {
      return await work()
    } catch (error) {
      if (!isDatabaseUnavailable(error) || Date.now() > giveUpAt) throw error
      await pause(waitMs)
    }
  }
}
