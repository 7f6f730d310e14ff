import type { Knex } from 'knex'
import type { Principal } from '../../platform/auth.ts'
import { conflict, invalidBody } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events/index.ts'
import { enqueueStep } from '../jobs/enqueue.ts'
import { logEvent } from '../log.ts'
import { type StepKey, stepKeys, steps as titles } from '../model/states.ts'
import { findSteps, reopenStep, updateDeployment } from '../store/index.ts'
import { type ActionOptions, lockNewest, requireDeployment, withTargetExclusive } from './target-lock.ts'

export interface RetryRequest {
  id: string
  stepName?: string | undefined
  maxRetries?: number | undefined
}
export interface RetryStarted {
  jobId: string
  step: StepKey
  attempt: number
  /** The number of attempts that this retry adds: `maxRetries` of the request. */
  maxAttempts: number
  /** The number of the last attempt, counted from the first run on. */
  lastAttempt: number
}

/** Runs the failed step again with a new number of attempts; earlier attempts stay counted. */
export async function retry(
  options: ActionOptions,
  trx: Knex.Transaction,
  { principal, request }: { principal: Principal; request: RetryRequest },
): Promise<RetryStarted> {
  const requested = await requireDeployment(trx, principal, request.id)
  if (requested.dryRun) throw conflict('A dry run is not retried: prepare again')
  const requestedStep = request.stepName === undefined ? undefined : stepNamed(request.stepName)
  const deployment = await lockNewest(trx, requested)
  const { id, status } = deployment
  if (status !== 'failed') throw conflict(`Only a failed deployment can be retried, this one is ${status}`)
  const failed = (await findSteps(trx, id)).find((each) => each.status === 'failed')
  if (failed === undefined) throw conflict('No step of the deployment has failed')
  if (requestedStep !== undefined && requestedStep !== failed.step) {
    throw conflict(`The step that failed is ${failed.step}; other steps cannot be retried`, {
      step: failed.step,
    })
  }
  const { step, attempt: before } = failed
  const attempts = request.maxRetries ?? Math.max(1, deployment.options.maxRetries)
  await withTargetExclusive(trx, deployment, (inner) =>
    updateDeployment(inner, id, { status: 'in_progress', error: null, rollback: null, finished: false }),
  )
  await reopenStep(trx, id, step)
  const jobId = await enqueueStep(options.enqueue, trx, { deployment, step, again: { before, attempts } })
  await appendEvents(trx, [logEvent(id, 'info', `Retrying by request: ${titles[step]}`)])
  return { jobId, step, attempt: before + 1, maxAttempts: attempts, lastAttempt: before + attempts }
}

/** @throws REQ_002 if the name is neither a step's key nor its title */
function stepNamed(name: string): StepKey {
  const found = stepKeys.find((key) => key === name || titles[key] === name)
  if (found !== undefined) return found
  const fields = [{ path: 'stepName', problem: `expected one of ${stepKeys.join(', ')}, or a step's title` }]
  throw invalidBody(fields)
}
