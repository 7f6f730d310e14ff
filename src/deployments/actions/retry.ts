import type { Knex } from 'knex'
import type { Principal } from '../../platform/auth.ts'
import { conflict, invalidBody } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events/index.ts'
import { enqueueStep } from '../jobs/enqueue.ts'
import { logEvent } from '../log.ts'
import { type StepKey, stepKeys, steps as titles } from '../model/states.ts'
import { findSteps, reopenStep, updateDeployment } from '../store/index.ts'
import { alone, newestOf, owned, type VerbOptions } from './target-lock.ts'

export interface RetryRequest {
  id: string
  stepName?: string | undefined
  maxRetries?: number | undefined
}
export interface RetryStarted {
  jobId: string
  step: StepKey
  attempt: number
  /** What this retry adds: `maxRetries` of the request. */
  maxAttempts: number
  /** The number of the last attempt, counted from the first run on. */
  lastAttempt: number
}

/** The failed step gets a new budget; what it has used up before stays counted. */
export async function retry(
  options: VerbOptions,
  trx: Knex.Transaction,
  { principal, wish }: { principal: Principal; wish: RetryRequest },
): Promise<RetryStarted> {
  const seen = await owned(trx, principal, wish.id)
  if (seen.dryRun) throw conflict('A dry run is not retried: prepare again')
  const named = wish.stepName === undefined ? undefined : stepNamed(wish.stepName)
  const deployment = await newestOf(trx, seen)
  const { id, status } = deployment
  if (status !== 'failed') throw conflict(`Only a failed deployment can be retried, this one is ${status}`)
  const failed = (await findSteps(trx, id)).find((each) => each.status === 'failed')
  if (failed === undefined) throw conflict('No step of the deployment has failed')
  if (named !== undefined && named !== failed.step) {
    throw conflict(`The step that failed is ${failed.step}; others are not run by themselves`, {
      step: failed.step,
    })
  }
  const { step, attempt: before } = failed
  const attempts = wish.maxRetries ?? Math.max(1, deployment.options.maxRetries)
  await alone(trx, deployment, (inner) =>
    updateDeployment(inner, id, { status: 'in_progress', error: null, rollback: null, finished: false }),
  )
  await reopenStep(trx, id, step)
  const jobId = await enqueueStep(options.enqueue, trx, { deployment, step, again: { before, attempts } })
  await appendEvents(trx, [logEvent(id, 'info', `Trying again by request: ${titles[step]}`)])
  return { jobId, step, attempt: before + 1, maxAttempts: attempts, lastAttempt: before + attempts }
}

/** @throws REQ_002 for what is neither a title nor a key. */
function stepNamed(name: string): StepKey {
  const found = stepKeys.find((key) => key === name || titles[key] === name)
  if (found !== undefined) return found
  const fields = [{ path: 'stepName', problem: `expected one of ${stepKeys.join(', ')}, or a step's title` }]
  throw invalidBody(fields)
}
