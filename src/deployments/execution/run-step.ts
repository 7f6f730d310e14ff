import type { Knex } from 'knex'
import { CodedError, notFound } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events/index.ts'
import type { JobEnd, Outcome, Run } from '../../platform/jobs/index.ts'
import { toCodedError } from '../cloudflare/errors.ts'
import { reportLater } from '../github/jobs.ts'
import { endDeployment } from '../jobs/end-deployment.ts'
import { type ExecutionServices, enqueueStep } from '../jobs/enqueue.ts'
import type { StepPayload } from '../jobs/specs.ts'
import { createStepLog, logEvent, stepEvent } from '../log.ts'
import { type EndingError, endingError } from '../model/errors.ts'
import { hasMigrated } from '../model/history.ts'
import { type StepKey, stepKeys, steps } from '../model/states.ts'
import { beginRollback, enqueueRollback } from '../rollback/start.ts'
import {
  type Deployment,
  dropPullSecret,
  endStep,
  findAssetFiles,
  findDeployment,
  findModules,
  findPlan,
  findSteps,
  lockDeployment,
  readBlob,
  startStep,
  updateDeployment,
} from '../store/index.ts'
import { isStillActive } from '../targets/token-state.ts'
import { StillInFlight, writeOwner } from '../targets/write-record.ts'
import { type StepContext, type StepResult, stepFunctions } from './steps/index.ts'

/** Runs one attempt of a step, see `steps/`. */
export async function runStep(services: ExecutionServices, payload: StepPayload, run: Run): Promise<Outcome> {
  const { db } = services
  const { deploymentId } = payload
  const deployment = await findDeployment(db, deploymentId)
  const plan = await findPlan(db, deploymentId)
  const step = stepKeys.find((each) => each === payload.step)
  if (deployment === undefined || plan === undefined || step === undefined) {
    return {
      kind: 'failed',
      error: notFound('Deployment or step'),
    }
  }
  // A deployment that has ended, e.g. by a cancel, needs no further steps.
  if (deployment.status !== 'initiated' && deployment.status !== 'in_progress') return { kind: 'done' }
  const attempt = run.attempt + payload.before
  await run.write((trx) => beginStep(trx, deployment, { step, attempt }))
  const log = createStepLog(run, deploymentId)
  try {
    const context: StepContext = {
      deployment,
      plan,
      storedModules: () => findModules(db, deploymentId),
      assetFiles: () => findAssetFiles(db, deploymentId),
      readBlob: (digest) => readBlob(db, digest),
      // Writes check the lease: a frozen process may resume after another one has taken over the job.
      target: (await services.targets.of(deployment.environment)).forRun({ run, ...writeOwner(deployment) }),
      images: services.images,
      secrets: services.secrets,
      signal: run.signal,
      log,
      records: services.records,
      reportToGitHubLater: () => run.write((trx) => reportLater(services.enqueue, trx, deployment)),
      recordOf: (id) => findRecord(db, deployment, id),
      remember: (change) => run.write((trx) => updateDeployment(trx, deploymentId, change)),
    }
    const result = await stepFunctions[step](context)
    await log.flush()
    if (result.againInMs !== undefined) return { kind: 'snooze', ms: result.againInMs }
    return { kind: 'done', commit: (trx) => completeStep(services, trx, { deployment, step, result }) }
  } catch (error) {
    if (error instanceof StillInFlight) {
      await log.flush()
      return { kind: 'snooze', ms: error.ms }
    }
    const active = await isStillActive(services.targets, deployment.environment, {
      error,
      signal: run.signal,
    })
    const coded = toCodedError(error, { verified: stepKeys.indexOf(step) > 1, active })
    if (!run.signal.aborted) {
      const message = coded instanceof CodedError ? `${coded.message} [${coded.code}]` : 'an unexpected error'
      const willRetry = coded instanceof CodedError && coded.retryable && run.attempt < run.maxAttempts
      const count = `attempt ${attempt} of ${run.maxAttempts + payload.before}`
      log.warn(willRetry ? `${message}; retrying (${count})` : message)
    }
    await log.flush().catch(() => undefined)
    throw coded
  }
}

/** Finds a deployment of the same app to the same environment by its id. */
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
  // Re-checking for an upload that may still arrive does not start the step again.
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

/** Completes a step and enqueues the next one in one transaction, so that no step is lost or run twice. */
async function completeStep(
  services: ExecutionServices,
  trx: Knex.Transaction,
  end: { deployment: Deployment; step: StepKey; result: StepResult },
): Promise<void> {
  const { deployment, step, result } = end
  const { id } = deployment
  const skipped = result.skipped ?? false
  await endStep(trx, id, { step, status: 'completed', skipped })
  await appendEvents(trx, [stepEvent(id, { step, status: 'completed', skipped })])
  const all = (await findSteps(trx, id)).map((each) => each.step)
  const later = all.slice(all.indexOf(step) + 1)
  const endsDryRun = deployment.dryRun && step === lastDryRunStep
  if (endsDryRun) await skip(trx, id, later)
  const next = endsDryRun ? undefined : later[0]
  if (next !== undefined) {
    await updateDeployment(trx, id, result.change ?? {})
    await enqueueStep(services.enqueue, trx, { deployment, step: next })
    return
  }
  // The plan can still be deployed after a dry run, which needs the secret.
  if (!deployment.dryRun) await dropPullSecret(trx, id)
  const text = deployment.dryRun ? 'Dry run completed; nothing was changed' : 'Deployment completed'
  await endDeployment(services, trx, {
    deployment,
    status: 'completed',
    line: { level: 'info', text },
    allAnswered: true,
    ...(result.change === undefined ? {} : { change: result.change }),
  })
}

/** Marks the remaining steps of a dry run as skipped. */
async function skip(trx: Knex.Transaction, id: string, skipped: StepKey[]): Promise<void> {
  for (const each of skipped) await endStep(trx, id, { step: each, status: 'completed', skipped: true })
  await appendEvents(trx, [
    ...skipped.map((each) => stepEvent(id, { step: each, status: 'completed', skipped: true })),
    logEvent(id, 'info', 'Skipped the remaining steps: dry run'),
  ])
}

/** The last step that changes nothing. */
const lastDryRunStep: StepKey = 'check_quotas'

interface StepEnd {
  step: StepKey
  ending: JobEnd
}

/** Runs when a step has finally failed or was cancelled: ends its deployment, or starts its rollback. */
export async function onStepFinalState(
  services: ExecutionServices,
  trx: Knex.Transaction,
  { payload, ending }: { payload: StepPayload; ending: JobEnd },
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
  const { rollback: requested } = deployment
  if (requested !== null && (changed || requested.targetVersion !== null)) {
    return beginRollback(trx, deployment, { rollback: requested, error, line: `${line}; rolling back` })
  }
  const wanted = deployment.options.rollbackOnFailure && changed
  const isIrreversible = hasMigrated(deployment)
  if (wanted && !isIrreversible) {
    const planned = { byHand: false, reason: null, targetVersion: null, migrationTag: null }
    const rollback = await enqueueRollback(services.enqueue, trx, { deployment, planned })
    return beginRollback(trx, deployment, { rollback, error, line: `${line}; rolling back` })
  }
  const why = wanted && isIrreversible ? `; not rolled back: ${irreversibleReason}` : ''
  await endDeployment(services, trx, {
    deployment,
    status: ending.state,
    line: { level: 'error', text: `${line}${why}` },
    allAnswered: ending.state === 'failed',
    change: { error },
  })
}

const adviceOf = ({ suggestedAction }: EndingError) =>
  suggestedAction === undefined ? '' : `. ${suggestedAction}`

const irreversibleReason =
  'it changed Durable Object classes, which cannot be undone. The new version keeps serving'

// The first step that can change the cloud.
const firstChange = stepKeys.indexOf('deploy_worker')
/** Error codes of a refused upload, after which the cloud has stored nothing. */
const uploadRefusals = new Set(['DEPLOY_001', 'DEPLOY_002', 'DEPLOY_004', 'AUTH_003', 'AUTH_004'])

/** True if the deployment may have changed the cloud: a lost answer does not mean that the upload was lost. */
async function mayHaveChanged(trx: Knex.Transaction, deployment: Deployment, end: StepEnd): Promise<boolean> {
  const { step, ending } = end
  if (stepKeys.indexOf(step) < firstChange || deployment.snapshot === null) return false
  // The app was changed outside this deployment, which serves nothing and has nothing to undo.
  if (step === 'deploy_worker' && ending.state === 'failed' && ending.error.code === 'STATE_001') return false
  if (step !== 'deploy_worker' || deployment.versionId !== null) return true
  // The upload was sent, perhaps successfully, before the failure.
  if (deployment.uploadSentAt !== null) return true
  const attempts = (await findSteps(trx, deployment.id)).find((each) => each.step === step)?.attempt ?? 0
  return attempts > 1 || ending.state !== 'failed' || !uploadRefusals.has(ending.error.code)
}
