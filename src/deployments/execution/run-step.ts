import type { Knex } from 'knex'
import { CodedError } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events/index.ts'
import type { Ending, Outcome, Run } from '../../platform/jobs/index.ts'
import { toCodedError } from '../cloudflare/errors.ts'
import { StillInFlight, writerOf } from '../cloudflare/write-record.ts'
import { reportLater } from '../github/jobs.ts'
import { type EngineOptions, enqueueStep, type StepPayload } from '../jobs/enqueue.ts'
import { watchForLate } from '../late-writes/watch.ts'
import { createStepLog, endEvent, logEvent, stepEvent } from '../log.ts'
import { hasMigrated } from '../model/history.ts'
import { type StepKey, stepAfter, stepKeys, steps } from '../model/states.ts'
import { beginRollback, enqueueRollback } from '../rollback/start.ts'
import { type EndingError, endingError } from '../routes/views.ts'
import {
  type Deployment,
  dropPullSecret,
  endStep,
  findDeployment,
  findModules,
  findPlan,
  findSteps,
  lockDeployment,
  startStep,
  updateDeployment,
} from '../store/index.ts'
import { isStillActive } from '../targets/token-state.ts'
import { type StepContext, type StepResult, stepRuns } from './steps/index.ts'

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
  const attempt = run.attempt + payload.before
  await run.write((trx) => beginStep(trx, deployment, { step, attempt }))
  const log = createStepLog(run, deploymentId)
  try {
    const context: StepContext = {
      deployment,
      plan,
      modules: () => findModules(db, deploymentId),
      // A process that was frozen at a read may go on when another one has the job.
      target: (await engine.targets.of(deployment.environment)).under({ run, ...writerOf(deployment) }),
      images: engine.images,
      secrets: engine.secrets,
      signal: run.signal,
      log,
      records: engine.records,
      tellGitHubLater: () => run.write((trx) => reportLater(engine.enqueue, trx, deployment)),
      recordOf: (id) => findRecord(db, deployment, id),
      remember: (change) => run.write((trx) => updateDeployment(trx, deploymentId, change)),
    }
    const result = await stepRuns[step](context)
    await log.flush()
    return { kind: 'done', commit: (trx) => completeStep(engine, trx, { deployment, step, result }) }
  } catch (error) {
    if (error instanceof StillInFlight) {
      await log.flush()
      return { kind: 'snooze', ms: error.ms }
    }
    const active = await isStillActive(engine.targets, deployment.environment, { error, signal: run.signal })
    const coded = toCodedError(error, { verified: stepKeys.indexOf(step) > 1, active })
    if (!run.signal.aborted) {
      const message = coded instanceof CodedError ? `${coded.message} [${coded.code}]` : 'an unexpected fault'
      const again = coded instanceof CodedError && coded.retryable && run.attempt < run.maxAttempts
      const count = `attempt ${attempt} of ${run.maxAttempts + payload.before}`
      log.warn(again ? `${message}; trying again (${count})` : message)
    }
    await log.flush().catch(() => undefined)
    throw coded
  }
}

/** Our record of a deployment to the same target. */
async function findRecord(db: Knex, { app, environment }: Deployment, id: string) {
  const found = await findDeployment(db, id)
  return found?.app === app && found.environment === environment ? found : undefined
}

async function beginStep(
  trx: Knex.Transaction,
  deployment: Deployment,
  run: { step: StepKey; attempt: number },
) {
  const { id, status } = deployment
  // Looking again for an upload that may still arrive is no new beginning.
  if (!(await startStep(trx, id, run))) return
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
  const rest = deployment.dryRun && step === lastDry ? stepKeys.slice(stepKeys.indexOf(step) + 1) : []
  const next = rest.length > 0 ? undefined : stepAfter(step)
  const last = next === undefined
  for (const each of rest) await endStep(trx, id, { step: each, status: 'completed', skipped: true })
  await updateDeployment(trx, id, {
    ...result.change,
    ...(last ? { status: 'completed', finished: true } : {}),
  })
  if (!last) await enqueueStep(engine.enqueue, trx, { deployment, step: next })
  else {
    // After a dry run the plan is still to be deployed.
    if (!deployment.dryRun) await dropPullSecret(trx, id)
    await watchForLate(engine, trx, { deployment, certain: true })
    await reportLater(engine.enqueue, trx, deployment)
  }
  const events = [stepEvent(id, { step, status: 'completed', skipped })]
  for (const each of rest) events.push(stepEvent(id, { step: each, status: 'completed', skipped: true }))
  if (rest.length > 0) events.push(logEvent(id, 'info', 'The other steps are skipped: dry run'))
  const line = deployment.dryRun ? 'Dry run completed; nothing was changed' : 'Deployment completed'
  if (last) events.push(logEvent(id, 'info', line), endEvent(deployment, 'completed'))
  await appendEvents(trx, events)
}

/** The last step that changes nothing. */
const lastDry: StepKey = 'check_quotas'

interface StepEnd {
  step: StepKey
  ending: Ending
}

/** A step that failed or was cancelled for good: ends its deployment, or starts to roll it back. */
export async function settleStep(
  engine: EngineOptions,
  trx: Knex.Transaction,
  { payload, ending }: { payload: StepPayload; ending: Ending },
): Promise<void> {
  const deployment = await lockDeployment(trx, payload.deploymentId)
  if (deployment === undefined) return
  if (deployment.status !== 'initiated' && deployment.status !== 'in_progress') return
  const step = stepKeys.find((each) => each === payload.step)
  if (step === undefined) return
  const { id } = deployment
  const error = endingError(ending)
  await endStep(trx, id, { step, status: 'failed', error })
  const line =
    ending.state === 'failed'
      ? `${steps[step]} failed: ${error.message} [${error.code}]${adviceOf(error)}`
      : 'Cancelled'
  await appendEvents(trx, [stepEvent(id, { step, status: 'failed' })])
  const changed = await mayHaveChanged(trx, deployment, { step, ending })
  const { rollback: asked } = deployment
  if (asked !== null && (changed || asked.targetVersion !== null)) {
    return beginRollback(trx, deployment, { rollback: asked, error, line: `${line}; rolling back` })
  }
  const wanted = deployment.options.rollbackOnFailure && changed
  const oneWay = hasMigrated(deployment)
  if (wanted && !oneWay) {
    const wish = { byHand: false, reason: null, targetVersion: null, migrationTag: null }
    const rollback = await enqueueRollback(engine.enqueue, trx, { deployment, wish })
    return beginRollback(trx, deployment, { rollback, error, line: `${line}; rolling back` })
  }
  await updateDeployment(trx, id, { status: ending.state, error, finished: true })
  await watchForLate(engine, trx, { deployment, certain: ending.state === 'failed' })
  await reportLater(engine.enqueue, trx, deployment)
  const why = wanted && oneWay ? `; not rolled back: ${noWayBack}` : ''
  await appendEvents(trx, [logEvent(id, 'error', `${line}${why}`), endEvent(deployment, ending.state)])
}

const adviceOf = ({ suggestedAction }: EndingError) =>
  suggestedAction === undefined ? '' : `. ${suggestedAction}`

const noWayBack =
  'it changed Durable Object classes, and there is no way back over that. The new version goes on serving'

// From this step on the cloud may have been changed.
const firstChange = stepKeys.indexOf('deploy_worker')
/** The cloud's verdicts on an upload: it took nothing over. */
const refusals = new Set(['DEPLOY_001', 'DEPLOY_002', 'DEPLOY_004', 'AUTH_003', 'AUTH_004'])

/** In doubt, yes: an earlier attempt's upload may have arrived although its answer did not. */
async function mayHaveChanged(trx: Knex.Transaction, deployment: Deployment, end: StepEnd): Promise<boolean> {
  const { step, ending } = end
  if (stepKeys.indexOf(step) < firstChange || deployment.snapshot === null) return false
  // Others have changed the app: nothing of this deployment serves, and what does is not its to undo.
  if (step === 'deploy_worker' && ending.state === 'failed' && ending.error.code === 'STATE_001') return false
  if (step !== 'deploy_worker' || deployment.versionId !== null) return true
  // Answered, perhaps well: what failed came after it.
  if (deployment.uploadSentAt !== null) return true
  const attempts = (await findSteps(trx, deployment.id)).find((each) => each.step === step)?.attempt ?? 0
  return attempts > 1 || ending.state !== 'failed' || !refusals.has(ending.error.code)
}
