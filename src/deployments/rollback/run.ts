import type { Knex } from 'knex'
import type { JobEnd, Outcome, Run } from '../../platform/jobs/index.ts'
import { toCodedError } from '../cloudflare/errors.ts'
import { allTo } from '../cloudflare/workers-api.ts'
import { endDeployment } from '../jobs/end-deployment.ts'
import type { ExecutionServices } from '../jobs/enqueue.ts'
import { createStepLog } from '../log.ts'
import { endingError } from '../model/errors.ts'
import { restoresItself } from '../model/history.ts'
import { steps } from '../model/states.ts'
import {
  type Deployment,
  failCompensations,
  findCompensations,
  findContainerOfVersion,
  findDeployment,
  findPlan,
  findSteps,
  giveUpWrites,
  lockDeployment,
  type UndoResult,
  updateCompensation,
  updateDeployment,
} from '../store/index.ts'
import { isStillActive } from '../targets/token-state.ts'
import { StillInFlight, waitForOutstandingWrites, writeOwner } from '../targets/write-record.ts'
import { type CompensationContext, compensations, type UndoTarget } from './undo/index.ts'

/** Poll interval while the running step of a cancelled deployment winds down. */
const stepReleasePollMs = 300

/** One attempt of a rollback: undoes the steps in reverse order. */
export async function runRollback(
  services: ExecutionServices,
  { deploymentId }: { deploymentId: string },
  run: Run,
): Promise<Outcome> {
  const { db } = services
  const deployment = await findDeployment(db, deploymentId)
  const plan = await findPlan(db, deploymentId)
  if (deployment === undefined || plan === undefined || deployment.rollback?.jobId !== run.jobId)
    return { kind: 'done' }
  const { status } = deployment
  if (status === 'initiated' || status === 'in_progress') return { kind: 'snooze', ms: stepReleasePollMs }
  if (status !== 'rolling_back') return { kind: 'done' }
  const log = createStepLog(run, deploymentId)
  try {
    const owner = writeOwner(deployment)
    const target = (await services.targets.of(deployment.environment)).forRun({ run, ...owner })
    await run.write((trx) => giveUpWrites(trx, deploymentId, target.settleMs))
    const goal = goalOf(deployment)
    const containerOf = (version: string) => findContainerOfVersion(db, deployment, version)
    const context = { deployment, plan, target, goal, containerOf, signal: run.signal, log }
    const obstacle = await findObstacle(db, context)
    if (obstacle !== undefined) {
      return { kind: 'done', commit: (trx) => abandonRollback(services, trx, { deployment, obstacle }) }
    }
    await undoSteps(db, run, context)
    if (await waitForOutstandingWrites(db, owner, run.signal)) {
      log.info('Re-checking all steps: an earlier call may have completed late')
      await undoSteps(db, run, { ...context, again: true })
    }
    await log.flush()
  } catch (error) {
    await log.flush().catch(() => undefined)
    if (error instanceof StillInFlight) return { kind: 'snooze', ms: error.ms }
    const active = await isStillActive(services.targets, deployment.environment, {
      error,
      signal: run.signal,
    })
    throw toCodedError(error, { verified: true, active })
  }
  return { kind: 'done', commit: (trx) => finish(services, trx, { deployment, attempt: run.attempt }) }
}

/** The version or traffic that the steps are undone to. */
function goalOf({ rollback, snapshot }: Deployment): UndoTarget {
  const byHand = rollback?.byHand ?? false
  if (rollback !== null && rollback.targetVersion !== null) {
    const { targetVersion, migrationTag } = rollback
    return { version: targetVersion, traffic: allTo(targetVersion), migrationTag, byHand }
  }
  const version = snapshot?.servingVersion ?? null
  const traffic = version === null ? (snapshot?.traffic ?? []) : allTo(version)
  return { version, traffic, migrationTag: snapshot?.migrationTag ?? null, byHand }
}

/** The reason why a step cannot be undone; undefined if all can. */
async function findObstacle(db: Knex, context: CompensationContext): Promise<string | undefined> {
  for (const { step } of await findCompensations(db, context.deployment.id)) {
    const obstacle = await compensations[step]?.obstacle?.(context)
    if (obstacle !== undefined) return obstacle
  }
  return undefined
}

/**
 * Undoes the steps that are not undone yet. Each step has its own row, so that the next attempt continues there.
 * @param context.again true to check the completed steps, too: a late call may have changed the cloud after their undo
 */
async function undoSteps(
  db: Knex,
  run: Run,
  { again = false, ...context }: CompensationContext & { again?: boolean },
): Promise<void> {
  const deploymentId = context.deployment.id
  for (const { step, status, outcome: before } of await findCompensations(db, deploymentId)) {
    if (status === 'completed' && !again) continue
    const row = { deploymentId, step }
    await run.write((trx) => updateCompensation(trx, row, { status: 'running' }))
    if (!again) context.log.info(`Undoing: ${steps[step]}`)
    const result = (await compensations[step]?.undo(context)) ?? { note: 'nothing to undo' }
    const outcome = { ...before, ...result }
    await context.log.flush()
    await run.write((trx) => updateCompensation(trx, row, { status: 'completed', outcome }))
  }
}

/** Ends a rollback that has undone all steps. */
async function finish(
  services: ExecutionServices,
  trx: Knex.Transaction,
  { deployment, attempt }: { deployment: Deployment; attempt: number },
): Promise<void> {
  const outcomes = (await findCompensations(trx, deployment.id)).flatMap(({ outcome }) => outcome ?? [])
  const rollback = deployment.rollback && { ...deployment.rollback, ...restoredBy(outcomes) }
  const data = outcomes.some((each) => each.dataGone)
    ? 'the script and the data of its Durable Objects are gone'
    : 'data in Durable Objects is as the app left it'
  // The deployment's own version replaces one made outside Capstan, so the deployment is not undone.
  const restored = restoresItself(deployment)
  await endDeployment(services, trx, {
    deployment,
    status: restored ? 'completed' : 'rolled_back',
    line: {
      level: 'info',
      text: `${restored ? 'The deployment is in effect again' : 'Rolled back'}; ${data}`,
    },
    allAnswered: attempt === 1,
    change: restored ? { rollback, error: null } : { rollback },
  })
}

/** The restored version, or the fact that several share the traffic, as reported by the steps. */
function restoredBy(outcomes: UndoResult[]): { restored?: string | null; shared?: boolean } {
  const found = outcomes.find((each) => each.restored !== undefined)
  if (found?.restored !== undefined) return { restored: found.restored }
  return outcomes.some((each) => each.shared) ? { shared: true } : {}
}

/** Ends a rollback that is impossible, before anything is undone: the serving version stays. */
async function abandonRollback(
  services: ExecutionServices,
  trx: Knex.Transaction,
  { deployment, obstacle }: { deployment: Deployment; obstacle: string },
): Promise<void> {
  const message = `Not rolled back: ${obstacle}`
  const status = deployment.rollback?.byHand ? 'rollback_failed' : 'failed'
  const error = { code: 'DEPLOY_007', message }
  const change = status === 'failed' && deployment.error !== null ? {} : { error }
  const worker = (await findSteps(trx, deployment.id)).find(({ step }) => step === 'deploy_worker')
  const { versionId } = deployment
  const serves = worker?.status === 'completed' && versionId !== null ? { restored: versionId } : {}
  const rollback = deployment.rollback && { ...deployment.rollback, ...serves }
  await endDeployment(services, trx, {
    deployment,
    status,
    line: { level: 'error', text: message },
    allAnswered: false,
    change: { rollback, ...change },
  })
}

/** Records that a rollback has failed permanently. Its rows keep the steps that are still to be undone. */
export async function onRollbackFinalState(
  services: ExecutionServices,
  trx: Knex.Transaction,
  { payload, ending }: { payload: { deploymentId: string }; ending: JobEnd },
): Promise<void> {
  const deployment = await lockDeployment(trx, payload.deploymentId)
  if (deployment === undefined) return
  // The rollback was cancelled while it waited for the running step to end.
  const { status } = deployment
  if (status === 'initiated' || status === 'in_progress')
    return updateDeployment(trx, deployment.id, { rollback: null })
  if (status !== 'rolling_back') return
  const cause = endingError(ending)
  const error = { code: 'DEPLOY_007', message: `Rollback failed: ${cause.message}` }
  await failCompensations(trx, deployment.id, cause)
  await endDeployment(services, trx, {
    deployment,
    status: 'rollback_failed',
    line: { level: 'error', text: error.message },
    allAnswered: false,
    change: { error },
  })
}
