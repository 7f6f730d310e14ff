import { isTransient, retryWhileDatabaseUnavailable } from '../../postgres/db.ts'
import { type BoundJob, LostLease, type Outcome } from '../definition.ts'
import { outcomeOfError } from './attempt.ts'
import { assertHolder, type Finish, finishRuns, type Lease } from './leases.ts'
import { type DeliveryEnd, failed, onFinalState, translate, withinBudget } from './outcomes.ts'
import type { RunnerContext } from './runner-context.ts'

const unrecordable = failed('the outcome could not be recorded, see the log')

/**
 * Records the outcome. If that is impossible, records a failure in its place: another attempt would end the same way.
 * @throws LostLease, and transient errors of the database: the job is then delivered again.
 */
export async function recordOrReplace(
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
