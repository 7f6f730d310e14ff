import type { Knex } from 'knex'
import { type CodedError, internalError } from '../../errors.ts'
import { maskSecrets } from '../../logging/redact.ts'
import { truncate } from '../../postgres/storable-text.ts'
import type { BoundJob, JobEnd, Outcome } from '../definition.ts'
import type { Finish, Lease } from './leases.ts'

/** The result of a delivery for the queue library; `queue-worker.ts` translates it. */
export type DeliveryEnd =
  | { kind: 'completed' }
  /** The attempt failed; the row decides whether there is another. */
  | { kind: 'failed'; code: string }

/** The domain's writes for a final failure or cancel, to run in its transaction; undefined if there are none. */
export function onFinalState(job: BoundJob | undefined, lease: Lease, outcome: Outcome) {
  const ending = endingOf(outcome)
  if (job?.onFinalState === undefined || ending === undefined) return undefined
  const payload = job.payload.safeParse(lease.payload)
  if (!payload.success) return undefined
  return async (trx: Knex.Transaction) =>
    job.onFinalState?.(job.services, trx, { payload: payload.data, ending })
}

function endingOf(outcome: Outcome): JobEnd | undefined {
  if (outcome.kind === 'failed') return { state: 'failed', error: outcome.error }
  return outcome.kind === 'cancelled' ? { state: 'cancelled' } : undefined
}

/** Turns a retry into a failure if no attempts are left. */
export function withinBudget(outcome: Outcome, lease: Lease): Outcome {
  if (outcome.kind !== 'retry' || lease.attempt < lease.maxAttempts) return outcome
  return { kind: 'failed', error: outcome.error }
}

/** Translates an outcome into the change of the row and the result of the delivery. */
export function translate(
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
        finish: { lease, state: 'failed', error: toStoredError(outcome.error) },
        end: { kind: 'failed', code },
      }
    }
    case 'retry': {
      const delayMs = boundedDelay(outcome.afterMs ?? backoffMs(lease.attempt, run.backoff))
      const finish: Finish = { lease, state: 'retrying', error: toStoredError(outcome.error), delayMs }
      return { finish, end: { kind: 'failed', code: outcome.error.code } }
    }
    case 'snooze':
      return {
        finish: { lease, state: 'queued', delayMs: boundedDelay(outcome.ms) },
        end: { kind: 'completed' },
      }
  }
}

const toStoredError = (error: CodedError) => ({
  code: error.code,
  message: truncate(maskSecrets(error.message), 2000),
})

const maxDelayMs = 7 * 24 * 3_600_000

/** Whole milliseconds, at most a week: the `Retry-After` of another service may be any number. */
const boundedDelay = (ms: number) => Math.min(Math.max(0, Math.round(ms) || 0), maxDelayMs)

/**
 * Exponential backoff with jitter over the upper half of each delay: successive delays never overlap, and jobs that
 * failed together are spread out.
 */
function backoffMs(attempt: number, backoff: { firstMs: number; maxMs: number }): number {
  const ceiling = Math.min(backoff.maxMs, backoff.firstMs * 2 ** (attempt - 1))
  return Math.round(ceiling * (0.5 + Math.random() / 2))
}

/** A failure that another attempt would repeat. */
export function failed(message: string): Outcome {
  return { kind: 'failed', error: internalError(message) }
}
