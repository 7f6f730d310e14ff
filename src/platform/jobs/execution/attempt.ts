import { CodedError, timedOut } from '../../errors.ts'
import { isDatabaseUnavailable } from '../../postgres/index.ts'
import { type BoundJob, LostLease, type Outcome, type Run, type RunAborted } from '../definition.ts'
import { appendWhileHeld, assertHolder, type Lease } from './leases.ts'
import { failed } from './outcomes.ts'
import type { RunnerContext } from './runner-context.ts'

// A job whose worker crashed more often than this is probably the cause of the crashes.
const maxCrashes = 5

/** Runs a claimed job's handler once. Errors become outcomes, except LostLease. */
export async function attempt(
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
    appendEvents: (events) => appendWhileHeld(context.db, lease, events),
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

/** The outcome of an error that the time limit and the lease do not explain. */
export function outcomeOfError(error: unknown): Outcome {
  if (error instanceof CodedError) {
    if (!error.retryable) return { kind: 'failed', error }
    const { retryAfter } = error.options
    return { kind: 'retry', error, ...(retryAfter === undefined ? {} : { afterMs: retryAfter * 1000 }) }
  }
  const code = isDatabaseUnavailable(error) ? 'SYS_002' : 'SYS_001'
  return { kind: 'retry', error: new CodedError(code, 'an unexpected error, see the log', { cause: error }) }
}
