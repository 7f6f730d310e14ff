import { hostname } from 'node:os'
import type { Knex } from 'knex'
import { type Batcher, createBatcher } from '../../batcher.ts'
import { CodedError, timedOut } from '../../errors.ts'
import type { Logger } from '../../logging/logging.ts'
import { isTransient, retryWhileDatabaseUnavailable } from '../../postgres/db.ts'
import { isDatabaseUnavailable } from '../../postgres/index.ts'
import type { DeliveryJob } from '../../queues/index.ts'
import { type BoundJob, LostLease, type Outcome, type Run, type RunAborted } from '../definition.ts'
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
import { type DeliveryEnd, failed, onFinalState, translate, withinBudget } from './outcomes.ts'

export interface RunnerOptions {
  db: Knex
  jobs: readonly BoundJob[]
  keeper: LeaseKeeper
  log: Logger
  /** Wakes the dispatcher after a job was returned to the outbox. */
  nudge: () => void
}

export interface Runner {
  run(delivery: DeliveryJob): Promise<DeliveryEnd>
  /** Resolves once the outcomes of all finished attempts are recorded. */
  idle(): Promise<void>
}

/**
 * The state shared by the stages of the pipeline. The batchers combine the writes of many attempts in one statement.
 */
interface RunnerContext extends RunnerOptions {
  find(queue: string, name: string): BoundJob | undefined
  claims: Batcher<string, ClaimResult>
  finishes: Batcher<Finish, boolean>
  progress: Batcher<{ lease: Lease; value: unknown }, undefined>
}

// A job whose worker crashed more often than this is probably the cause of the crashes.
const maxCrashes = 5

/**
 * The pipeline around every handler: find the row -> claim -> parse -> run with a signal -> record the outcome. The
 * job's row decides everything; the queue library's state of the delivery decides nothing.
 */
export function createRunner(options: RunnerOptions): Runner {
  const context = createRunnerContext(options)
  const { log } = options
  return {
    async run(delivery) {
      try {
        return await runDelivery(context, delivery)
      } catch (error) {
        // No outcome was recorded: the reconciler delivers the job again once its lease has expired.
        log.error(
          { queue: delivery.queueName, err: error },
          'a job could not be claimed, or its outcome could not be recorded',
        )
        return { kind: 'failed', code: isDatabaseUnavailable(error) ? 'SYS_002' : 'SYS_001' }
      }
    },
    async idle() {
      await Promise.all([context.claims.idle(), context.finishes.idle(), context.progress.idle()])
    },
  }
}

async function runDelivery(context: RunnerContext, delivery: DeliveryJob): Promise<DeliveryEnd> {
  const { keeper, log } = context
  if (!('job' in delivery.data)) {
    log.info({ queue: delivery.queueName }, "dropped a delivery of a previous version's schedule")
    return { kind: 'completed' }
  }
  const id = delivery.data.job
  const claim = await context.claims.add(id)
  if (claim.kind === 'unknown') {
    // The row belongs to another installation, or was removed by hand. Failed, so that its owner delivers it again.
    log.warn({ jobId: id, queue: delivery.queueName }, 'the database has no row for the delivered job')
    return { kind: 'failed', code: 'SYS_005' }
  }
  // Another worker holds the lease. If that worker dies, the reconciler delivers the job again.
  if (claim.kind !== 'claimed') return { kind: 'completed' }
  const { lease } = claim
  const fields = { jobId: id, name: lease.name, attempt: lease.attempt }
  const signal = keeper.hold(lease)
  const startedAt = performance.now()
  try {
    const job = context.find(lease.queue, lease.name)
    const outcome = await attempt(context, { job, lease, held: signal })
    const end = await recordOrReplace(context, lease, { job, outcome })
    const durationMs = Math.round(performance.now() - startedAt)
    log.debug({ ...fields, outcome: end.kind, durationMs }, 'attempt ended')
    return end
  } catch (error) {
    if (!(error instanceof LostLease)) throw error
    log.warn(fields, 'the lease was lost; another worker has taken the job over')
    return { kind: 'completed' }
  } finally {
    keeper.release(lease)
  }
}

function createRunnerContext(options: RunnerOptions): RunnerContext {
  const { db } = options
  const worker = `${hostname()}:${process.pid}`
  const jobs = new Map(options.jobs.map((job) => [`${job.queue}/${job.name}`, job]))
  return {
    ...options,
    find: (queue, name) => jobs.get(`${queue}/${name}`),
    claims: createBatcher((ids) => retryWhileDatabaseUnavailable(() => claimJobs(db, ids, worker))),
    finishes: createBatcher((batch) =>
      retryWhileDatabaseUnavailable(async () => {
        const held = await finishRuns(db, batch)
        return batch.map((each) => held.has(each.lease.id))
      }),
    ),
    progress: createBatcher(async (batch) => {
      await writeProgress(db, [...new Map(batch.map((entry) => [entry.lease.id, entry])).values()])
      return batch.map(() => undefined)
    }),
  }
}

async function attempt(
  context: RunnerContext,
  claimed: { job: BoundJob | undefined; lease: Lease; held: AbortSignal },
): Promise<Outcome> {
  const { job, lease, held } = claimed
  if (job === undefined) return failed(`no handler for the job ${lease.queue}/${lease.name}`)
  if (lease.cancelRequested) return { kind: 'cancelled' }
  if (lease.crashes > maxCrashes) return failed(`the worker died ${lease.crashes} times in this job`)
  const payload = job.payload.safeParse(lease.payload)
  if (!payload.success) return failed('the payload does not match the schema of the job')
  const limit = AbortSignal.timeout(job.timeoutMs(payload.data))
  const signal = AbortSignal.any([held, limit])
  try {
    return await job.handle(job.services, payload.data, toRun(context, lease, signal))
  } catch (error) {
    if (!(error instanceof CodedError) && !signal.aborted && !(error instanceof LostLease)) {
      context.log.error({ jobId: lease.id, name: lease.name, err: error }, 'a handler failed unexpectedly')
    }
    return outcomeOf(error, { held, limit })
  }
}

function toRun(context: RunnerContext, lease: Lease, signal: AbortSignal): Run {
  const { id, attempt: number, maxAttempts, correlationId } = lease
  const log = context.log.child({ jobId: id, ...(correlationId === null ? {} : { correlationId }) })
  return {
    jobId: id,
    attempt: number,
    maxAttempts,
    correlationId,
    signal,
    log,
    write: (work) =>
      context.db.transaction(async (trx) => {
        await assertHolder(trx, lease)
        return work(trx)
      }),
    async progress(value) {
      await context.progress
        .add({ lease, value })
        .catch((error) => log.warn({ err: error }, 'progress not written'))
    },
  }
}

/** Translates a handler's error into an outcome. Unexpected errors are retried: they may be transient. */
function outcomeOf(error: unknown, signals: { held: AbortSignal; limit: AbortSignal }): Outcome {
  if (signals.held.aborted) {
    const { why } = signals.held.reason as RunAborted
    if (why === 'cancelled') return { kind: 'cancelled' }
    if (why === 'shutdown') return { kind: 'snooze', ms: 0 }
    throw new LostLease()
  }
  if (error instanceof LostLease) throw error
  if (signals.limit.aborted) {
    return { kind: 'retry', error: timedOut('the attempt took longer than its time limit') }
  }
  return outcomeOfError(error)
}

function outcomeOfError(error: unknown): Outcome {
  if (error instanceof CodedError) {
    if (!error.retryable) return { kind: 'failed', error }
    const { retryAfter } = error.options
    return { kind: 'retry', error, ...(retryAfter === undefined ? {} : { afterMs: retryAfter * 1000 }) }
  }
  const code = isDatabaseUnavailable(error) ? 'SYS_002' : 'SYS_001'
  return { kind: 'retry', error: new CodedError(code, 'an unexpected error, see the log', { cause: error }) }
}

const unrecordable = failed('the outcome could not be recorded, see the log')

/**
 * Records the outcome. If that is impossible, records a failure in its place: another attempt would end the same way.
 * @throws LostLease, and transient errors of the database: the job is then delivered again.
 */
async function recordOrReplace(
  context: RunnerContext,
  lease: Lease,
  ended: { job: BoundJob | undefined; outcome: Outcome },
): Promise<DeliveryEnd> {
  const { job, outcome } = ended
  try {
    return await record(context, lease, ended)
  } catch (error) {
    if (error instanceof LostLease) throw error
    const fields = { jobId: lease.id, name: lease.name, attempt: lease.attempt, err: error }
    if (outcome.kind === 'done') {
      // The handler's own write failed in the transaction of the outcome: the attempt has failed.
      context.log.error(fields, 'the commit of a handler failed')
      return recordOrReplace(context, lease, { job, outcome: outcomeOfError(error) })
    }
    if (isTransient(error)) throw error
    if (outcome === unrecordable) {
      if (job === undefined) throw error
      // Each later delivery would fail in the same way: end the job without its final-state handler.
      context.log.error(
        fields,
        'the job ends without its final-state handler: its domain is not informed of the failure',
      )
      return recordOrReplace(context, lease, { job: undefined, outcome })
    }
    context.log.error({ ...fields, outcome: outcome.kind }, 'an outcome could not be recorded')
    return recordOrReplace(context, lease, { job, outcome: unrecordable })
  }
}

/** @throws LostLease if another worker holds the job; nothing is then written */
async function record(
  context: RunnerContext,
  lease: Lease,
  ended: { job: BoundJob | undefined; outcome: Outcome },
): Promise<DeliveryEnd> {
  const { job } = ended
  const outcome = withinBudget(ended.outcome, lease)
  const planned = planCompletion(job, lease, outcome)
  if (planned.commit === undefined) {
    if (!(await context.finishes.add(planned.finish))) throw new LostLease()
    if (runsAgain(planned.finish)) context.nudge()
    return planned.end
  }
  return retryWhileDatabaseUnavailable(() =>
    context.db.transaction(async (trx) => {
      const { cancelRequested } = await assertHolder(trx, lease)
      const overruled = cancelRequested && outcome.kind === 'done' && job?.cancelWins
      const { commit, finish, end } = overruled ? planCompletion(job, lease, { kind: 'cancelled' }) : planned
      await commit?.(trx)
      await finishRuns(trx, [finish])
      return end
    }),
  )
}

const runsAgain = ({ state }: Finish) => state === 'queued' || state === 'retrying'

/** The change of the row for an outcome, the domain's writes in the same transaction, and the delivery's result. */
function planCompletion(job: BoundJob | undefined, lease: Lease, outcome: Outcome) {
  const backoff = job?.backoff ?? { firstMs: 1000, maxMs: 1000 }
  const commit = outcome.kind === 'done' ? outcome.commit : onFinalState(job, lease, outcome)
  return { ...translate(outcome, { lease, backoff }), commit }
}
