import type { Knex } from 'knex'
import { CodedError } from '../platform/errors.ts'
import { appendEvents } from '../platform/events/index.ts'
import type { Ending, Outcome, Run } from '../platform/jobs/index.ts'
import { CloudError, toCodedError } from './cloudflare-errors.ts'
import { type EngineOptions, enqueueStep, ownership, type StepPayload } from './enqueue.ts'
import { rollbackJob } from './jobs.ts'
import { createStepLog, endEvent, logEvent, stepEvent } from './logs.ts'
import { type DeploymentStatus, type StepKey, stepAfter, stepKeys, steps } from './states.ts'
import { type StepContext, type StepResult, stepRuns } from './steps/index.ts'
import {
  type Deployment,
  endStep,
  findDeployment,
  findModules,
  findPlan,
  findSteps,
  startStep,
  updateDeployment,
} from './store.ts'
import { endingError } from './views.ts'

/** One attempt of a step, see `steps/`. */
export async function runStep(engine: EngineOptions, payload: StepPayload, run: Run): Promise<Outcome> {
  const { db } = engine
  const { deploymentId } = payload
  const deployment = await findDeployment(db, deploymentId)
  const plan = await findPlan(db, deploymentId)
  const step = stepKeys.find((each) => each === payload.step)
  if (deployment === undefined || plan === undefined || step === undefined) {
    return {
      kind: 'failed',
      error: new CodedError('SYS_005', 'The deployment or its step does not exist'),
    }
  }
  // Ended meanwhile, e.g. cancelled: a late job has nothing left to do.
  if (deployment.status !== 'initiated' && deployment.status !== 'in_progress') return { kind: 'done' }
  await run.write((trx) => beginStep(trx, deployment, { step, attempt: run.attempt }))
  const log = createStepLog(run, deploymentId)
  try {
    const context: StepContext = {
      deployment,
      plan,
      modules: () => findModules(db, deploymentId),
      target: await engine.targets.of(deployment.environment),
      secrets: engine.secrets,
      signal: run.signal,
      log,
      remember: (change) => run.write((trx) => updateDeployment(trx, deploymentId, change)),
    }
    const result = await stepRuns[step](context)
    await log.flush()
    return { kind: 'done', commit: (trx) => completeStep(engine, trx, { deployment, step, result }) }
  } catch (error) {
    const active = await isStillActive(engine, deployment, { error, signal: run.signal })
    const coded = toCodedError(error, { verified: stepKeys.indexOf(step) > 1, active })
    if (!run.signal.aborted) {
      const message = coded instanceof CodedError ? `${coded.message} [${coded.code}]` : 'an unexpected fault'
      const again = coded instanceof CodedError && coded.retryable && run.attempt < run.maxAttempts
      log.warn(again ? `${message}; trying again (attempt ${run.attempt} of ${run.maxAttempts})` : message)
    }
    await log.flush().catch(() => undefined)
    throw coded
  }
}

/** Asked only after the cloud rejected the token: it may be good, but not for that call. */
async function isStillActive(
  { targets }: EngineOptions,
  { environment }: Deployment,
  failure: { error: unknown; signal: AbortSignal },
): Promise<boolean> {
  const { error, signal } = failure
  if (!(error instanceof CloudError) || error.code !== 10000) return false
  try {
    const { cloud } = await targets.of(environment)
    return (await cloud.verifyToken(signal)).status === 'active'
  } catch {
    return false
  }
}

async function beginStep(
  trx: Knex.Transaction,
  deployment: Deployment,
  run: { step: StepKey; attempt: number },
) {
  const { id, status } = deployment
  await startStep(trx, id, run)
  const first = status === 'initiated'
  await updateDeployment(trx, id, { started: true, ...(first ? { status: 'in_progress' } : {}) })
  const begun = run.attempt === 1 ? steps[run.step] : `${steps[run.step]} (attempt ${run.attempt})`
  await appendEvents(trx, [
    stepEvent(id, { ...run, status: 'running' }),
    ...(first
      ? [logEvent(id, 'info', `Starting deployment of ${deployment.app} to ${deployment.environment}`)]
      : []),
    logEvent(id, 'info', begun),
  ])
}

/** Finishing a step and enqueueing the next is one transaction: there is never a gap nor a fork. */
async function completeStep(
  engine: EngineOptions,
  trx: Knex.Transaction,
  end: { deployment: Deployment; step: StepKey; result: StepResult },
): Promise<void> {
  const { deployment, step, result } = end
  const { id } = deployment
  const skipped = result.skipped ?? false
  await endStep(trx, id, { step, status: 'completed', skipped })
  const next = stepAfter(step)
  const last = next === undefined
  await updateDeployment(trx, id, {
    ...result.change,
    ...(last ? { status: 'completed', finished: true } : {}),
  })
  if (!last) await enqueueStep(engine.enqueue, trx, { deployment, step: next })
  const events = [stepEvent(id, { step, status: 'completed', skipped })]
  if (last) events.push(logEvent(id, 'info', 'Deployment completed'), endEvent(deployment, 'completed'))
  await appendEvents(trx, events)
}

/** A step that failed or was cancelled for good: ends its deployment, or starts to roll it back. */
export async function settleStep(
  engine: EngineOptions,
  trx: Knex.Transaction,
  { payload, ending }: { payload: StepPayload; ending: Ending },
): Promise<void> {
  const deployment = await findDeployment(trx, payload.deploymentId)
  if (deployment === undefined) return
  if (deployment.status !== 'initiated' && deployment.status !== 'in_progress') return
  const step = stepKeys.find((each) => each === payload.step)
  if (step === undefined) return
  const error = endingError(ending)
  await endStep(trx, deployment.id, { step, status: 'failed', error })
  const rollBack =
    deployment.status === 'in_progress' &&
    deployment.options.rollbackOnFailure &&
    (await mayHaveChanged(trx, deployment, { step, ending }))
  const status: DeploymentStatus = rollBack ? 'rolling_back' : ending.state
  await updateDeployment(trx, deployment.id, { status, error, finished: !rollBack })
  if (rollBack) {
    await engine.enqueue(trx, rollbackJob, {
      payload: { deploymentId: deployment.id },
      ...ownership(deployment),
    })
  }
  const line =
    ending.state === 'failed' ? `${steps[step]} failed: ${error.message} [${error.code}]` : 'Cancelled'
  const events = [
    stepEvent(deployment.id, { step, status: 'failed' }),
    logEvent(deployment.id, 'error', rollBack ? `${line}; rolling back` : line),
  ]
  await appendEvents(trx, rollBack ? events : [...events, endEvent(deployment, status)])
}

// From this step on the cloud may have been changed.
const firstChange = stepKeys.indexOf('deploy_worker')
/** The cloud's verdicts on an upload: it took nothing over. */
const refusals = new Set(['DEPLOY_001', 'DEPLOY_002', 'DEPLOY_004', 'AUTH_003', 'AUTH_004'])

/** In doubt, yes: an earlier attempt's upload may have arrived although its answer did not. */
async function mayHaveChanged(
  trx: Knex.Transaction,
  deployment: Deployment,
  end: { step: StepKey; ending: Ending },
): Promise<boolean> {
  const { step, ending } = end
  if (stepKeys.indexOf(step) < firstChange || deployment.snapshot === null) return false
  if (step !== 'deploy_worker' || deployment.versionId !== null) return true
  const attempts = (await findSteps(trx, deployment.id)).find((each) => each.step === step)?.attempt ?? 0
  return attempts > 1 || ending.state !== 'failed' || !refusals.has(ending.error.code)
}
