import type { Knex } from 'knex'
import { CodedError } from '../platform/errors.ts'
import { appendEvents } from '../platform/events/index.ts'
import type { Ending, Enqueue, Outcome, Run } from '../platform/jobs/index.ts'
import { maskSecrets } from '../platform/redact.ts'
import type { Secrets } from '../platform/secrets.ts'
import { toCodedError } from './cloudflare-errors.ts'
import { deployStepJob, rollbackJob } from './jobs.ts'
import { createStepLog, deploymentStream, endEvent, logEvent, stepEvent } from './logs.ts'
import { undo } from './rollback.ts'
import { type DeploymentStatus, type StepKey, stepAfter, stepKeys, steps } from './states.ts'
import { type StepContext, type StepResult, stepRuns } from './steps/index.ts'
import { type Deployment, endStep, findDeployment, findPlan, startStep, updateDeployment } from './store.ts'
import type { Targets } from './target.ts'

/** Runs steps and rollbacks for the job runner, and settles deployments whose jobs ended otherwise. */
export interface DeploymentEngine {
  runStep(payload: { deploymentId: string; step: string }, run: Run): Promise<Outcome>
  settleStep(
    trx: Knex.Transaction,
    job: { payload: { deploymentId: string; step: string }; ending: Ending },
  ): Promise<void>
  runRollback(payload: { deploymentId: string }, run: Run): Promise<Outcome>
  settleRollback(
    trx: Knex.Transaction,
    job: { payload: { deploymentId: string }; ending: Ending },
  ): Promise<void>
  /** Makes the job of a step exist, in the caller's transaction. @returns the job's id. */
  enqueueStep(trx: Knex.Transaction, deployment: StepOwner, step: StepKey): Promise<string>
}

type StepOwner = Pick<Deployment, 'id' | 'options' | 'startedBy' | 'correlationId'>

export interface EngineOptions {
  db: Knex
  secrets: Secrets
  targets: Targets
  enqueue: Enqueue
}

// From this step on the cloud may have been changed.
const firstChange = stepKeys.indexOf('deploy_worker')

export function createEngine(options: EngineOptions): DeploymentEngine {
  const { db, enqueue } = options

  function ownership(deployment: Pick<Deployment, 'id' | 'startedBy' | 'correlationId'>) {
    const { id, startedBy, correlationId } = deployment
    return {
      subject: deploymentStream(id),
      owner: startedBy,
      ...(correlationId === null ? {} : { correlationId }),
    }
  }

  function enqueueStep(trx: Knex.Transaction, deployment: StepOwner, step: StepKey): Promise<string> {
    return enqueue(trx, deployStepJob, {
      payload: { deploymentId: deployment.id, step },
      maxAttempts: deployment.options.maxRetries + 1,
      ...ownership(deployment),
    })
  }

  /** Finishing a step and enqueueing the next is one transaction: there is never a gap nor a fork. */
  async function completeStep(
    trx: Knex.Transaction,
    deployment: Deployment,
    end: { step: StepKey; result: StepResult },
  ) {
    const { id } = deployment
    const { step, result } = end
    const skipped = result.skipped ?? false
    await endStep(trx, id, { step, status: 'completed', skipped })
    const next = stepAfter(step)
    const last = next === undefined
    await updateDeployment(trx, id, {
      ...result.change,
      ...(last ? { status: 'completed', finished: true } : {}),
    })
    if (!last) await enqueueStep(trx, deployment, next)
    const events = [stepEvent(id, { step, status: 'completed', skipped })]
    if (last) events.push(logEvent(id, 'info', 'Deployment completed'), endEvent(deployment, 'completed'))
    await appendEvents(trx, events)
  }

  return {
    enqueueStep,

    async runStep({ deploymentId, step: key }, run) {
      const deployment = await findDeployment(db, deploymentId)
      const plan = await findPlan(db, deploymentId)
      const step = stepKeys.find((each) => each === key)
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
          target: options.targets.of(deployment.environment),
          secrets: options.secrets,
          signal: run.signal,
          log,
          remember: (change) => run.write((trx) => updateDeployment(trx, deploymentId, change)),
        }
        const result = await stepRuns[step](context)
        await log.flush()
        return { kind: 'done', commit: (trx) => completeStep(trx, deployment, { step, result }) }
      } catch (error) {
        const coded = toCodedError(error, { verified: stepKeys.indexOf(step) > 1 })
        if (!run.signal.aborted) {
          const message =
            coded instanceof CodedError ? `${coded.message} [${coded.code}]` : 'an unexpected fault'
          const again = coded instanceof CodedError && coded.retryable && run.attempt < run.maxAttempts
          log.warn(
            again ? `${message}; trying again (attempt ${run.attempt} of ${run.maxAttempts})` : message,
          )
        }
        await log.flush().catch(() => undefined)
        throw coded
      }
    },

    async settleStep(trx, { payload, ending }) {
      const deployment = await findDeployment(trx, payload.deploymentId)
      if (deployment === undefined) return
      if (deployment.status !== 'initiated' && deployment.status !== 'in_progress') return
      const step = payload.step as StepKey
      const error = ending.state === 'failed' ? shown(ending.error) : cancelled
      await endStep(trx, deployment.id, { step, status: 'failed', error })
      const rollBack =
        deployment.status === 'in_progress' &&
        deployment.options.rollbackOnFailure &&
        deployment.snapshot !== null &&
        stepKeys.indexOf(step) >= firstChange
      const status: DeploymentStatus = rollBack ? 'rolling_back' : ending.state
      await updateDeployment(trx, deployment.id, { status, error, finished: !rollBack })
      if (rollBack) {
        await enqueue(trx, rollbackJob, {
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
    },

    async runRollback({ deploymentId }, run) {
      const deployment = await findDeployment(db, deploymentId)
      const plan = await findPlan(db, deploymentId)
      if (deployment === undefined || plan === undefined || deployment.status !== 'rolling_back')
        return { kind: 'done' }
      const log = createStepLog(run, deploymentId)
      try {
        const { cloud } = options.targets.of(deployment.environment)
        await undo({ deployment, script: plan.config.script, cloud, signal: run.signal, log })
        await log.flush()
      } catch (error) {
        await log.flush().catch(() => undefined)
        throw toCodedError(error, { verified: true })
      }
      return {
        kind: 'done',
        async commit(trx) {
          await updateDeployment(trx, deploymentId, { status: 'rolled_back', finished: true })
          const line = logEvent(
            deploymentId,
            'info',
            'Rolled back; data in Durable Objects is as the apps left it',
          )
          await appendEvents(trx, [line, endEvent(deployment, 'rolled_back')])
        },
      }
    },

    async settleRollback(trx, { payload, ending }) {
      const deployment = await findDeployment(trx, payload.deploymentId)
      if (deployment?.status !== 'rolling_back') return
      const reason = ending.state === 'failed' ? shown(ending.error).message : cancelled.message
      const error = { code: 'DEPLOY_007', message: `Rollback failed: ${reason}` }
      await updateDeployment(trx, deployment.id, { status: 'rollback_failed', error, finished: true })
      const line = logEvent(deployment.id, 'error', error.message)
      await appendEvents(trx, [line, endEvent(deployment, 'rollback_failed')])
    },
  }
}

const cancelled = { code: 'STATE_001', message: 'Cancelled by request' }

const shown = (error: CodedError) => ({
  code: error.code,
  message: maskSecrets(error.message).slice(0, 2000),
})

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
