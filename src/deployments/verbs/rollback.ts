import type { Knex } from 'knex'
import type { Principal } from '../../platform/auth.ts'
import { conflict } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events/index.ts'
import { type Goal, servedBy } from '../history.ts'
import { logEvent } from '../logs.ts'
import { scriptName } from '../plan.ts'
import { goalOfRequest, willNotUndo } from '../rollback-request.ts'
import { beginRollback, enqueueRollback } from '../rollback-start.ts'
import { listHistory, rollbackMedian, type TargetRow, updateDeployment } from '../store/index.ts'
import { alone, lockStepJob, newestOf, owned, type VerbOptions } from './guards.ts'

export interface RollbackRequest {
  id: string
  targetVersion?: string | undefined
  reason?: string | undefined
}
export interface RollbackStarted {
  jobId: string
  targetVersion: string | null
  estimatedTime: number
  willNotUndo: string[]
}

/** Seconds that a rollback takes while there was none yet. */
const firstEstimate = 300

/** Of a deployment that runs: cancels it, and its rollback waits until its step has let go. */
export async function rollBack(
  options: VerbOptions,
  trx: Knex.Transaction,
  { principal, wish }: { principal: Principal; wish: RollbackRequest },
): Promise<RollbackStarted> {
  const { id } = wish
  const seen = await owned(trx, principal, id)
  if (seen.dryRun) throw conflict('A dry run changes nothing: there is nothing to roll back')
  const { app, environment } = seen
  await newestOf(trx, seen)
  // Its job first: from here on the deployment stays as it is until this transaction ends.
  const job = await lockStepJob(options, trx, id)
  const history = await listHistory(trx, app, environment)
  const [deployment = seen] = history
  const goal = goalOfRequest(history, { targetVersion: wish.targetVersion, running: job !== undefined })
  const estimatedTime = Math.ceil((await rollbackMedian(trx)) ?? firstEstimate)
  const about = {
    byHand: true,
    reason: wish.reason ?? null,
    targetVersion: job !== undefined && isAsBefore(history, wish, goal) ? null : goal.version,
    migrationTag: goal.migrationTag,
  }
  const rollback = await enqueueRollback(options.enqueue, trx, { deployment, wish: about })
  if (job === undefined) {
    const line = `Rolling back by request${wish.reason === undefined ? '' : `: ${wish.reason}`}`
    await alone(trx, deployment, (inner) => beginRollback(inner, deployment, { rollback, line }))
  } else {
    await updateDeployment(trx, id, { rollback })
    await appendEvents(trx, [logEvent(id, 'warn', 'Cancelled and rolled back by request')])
    await options.jobs().cancel(trx, job.id)
  }
  const { jobId } = rollback
  const notUndone = willNotUndo(deployment, goal, scriptName(app, environment))
  return { jobId, targetVersion: goal.version, estimatedTime, willNotUndo: notUndone }
}

/** Of a deployment that runs: what its snapshot says, or will say, unless that was no good or a version was named. */
function isAsBefore([newest, ...earlier]: TargetRow[], wish: RollbackRequest, goal: Goal): boolean {
  if (wish.targetVersion !== undefined) return false
  const served = servedBy(earlier)
  const before = newest?.snapshot?.servingVersion ?? (typeof served === 'object' ? served.version : null)
  return goal.version === null || goal.version === before
}
