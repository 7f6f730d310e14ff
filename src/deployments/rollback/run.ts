import type { Knex } from 'knex'
import { appendEvents } from '../../platform/events/index.ts'
import type { Ending, Outcome, Run } from '../../platform/jobs/index.ts'
import { toCodedError } from '../cloudflare/errors.ts'
import { allTo } from '../cloudflare/workers-api.ts'
import { outlast, StillInFlight, writerOf } from '../cloudflare/write-record.ts'
import { reportLater } from '../github/jobs.ts'
import type { EngineOptions } from '../jobs/enqueue.ts'
import { watchForLate } from '../late-writes/watch.ts'
import { createStepLog, endEvent, logEvent } from '../log.ts'
import { steps } from '../model/states.ts'
import { endingError } from '../routes/views.ts'
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
  type Undone,
  updateCompensation,
  updateDeployment,
} from '../store/index.ts'
import { isStillActive } from '../targets/token-state.ts'
import { type CompensationContext, compensations, type RollbackGoal } from './undo/index.ts'

/** How long a rollback that was asked for waits for the running step to let go, before it looks again. */
const lettingGoMs = 300

/** One attempt to put the cloud back. */
export async function runRollback(
  engine: EngineOptions,
  { deploymentId }: { deploymentId: string },
  run: Run,
): Promise<Outcome> {
  const { db } = engine
  const deployment = await findDeployment(db, deploymentId)
  const plan = await findPlan(db, deploymentId)
  if (deployment === undefined || plan === undefined || deployment.rollback?.jobId !== run.jobId)
    return { kind: 'done' }
  const { status } = deployment
  if (status === 'initiated' || status === 'in_progress') return { kind: 'snooze', ms: lettingGoMs }
  if (status !== 'rolling_back') return { kind: 'done' }
  const log = createStepLog(run, deploymentId)
  try {
    const owner = writerOf(deployment)
    const target = (await engine.targets.of(deployment.environment)).under({ run, ...owner })
    await run.write((trx) => giveUpWrites(trx, deploymentId, target.settleMs))
    const goal = goalOf(deployment)
    const containerOf = (version: string) => findContainerOfVersion(db, deployment, version)
    const context = { deployment, plan, target, goal, containerOf, signal: run.signal, log }
    const obstacle = await findObstacle(db, context)
    if (obstacle !== undefined) {
      return { kind: 'done', commit: (trx) => leaveAsItIs(engine, trx, { deployment, obstacle }) }
    }
    await walk(db, run, context)
    if (await outlast(db, owner, run.signal)) {
      log.info('A call was given up and may have arrived meanwhile: all is looked at again')
      await walk(db, run, { ...context, again: true })
    }
    await log.flush()
  } catch (error) {
    await log.flush().catch(() => undefined)
    if (error instanceof StillInFlight) return { kind: 'snooze', ms: error.ms }
    const active = await isStillActive(engine.targets, deployment.environment, { error, signal: run.signal })
    throw toCodedError(error, { verified: true, active })
  }
  return { kind: 'done', commit: (trx) => finish(engine, trx, { deployment, attempt: run.attempt }) }
}

function goalOf({ rollback, snapshot }: Deployment): RollbackGoal {
  const byHand = rollback?.byHand ?? false
  if (rollback !== null && rollback.targetVersion !== null) {
    const { targetVersion, migrationTag } = rollback
    return { version: targetVersion, traffic: allTo(targetVersion), migrationTag, byHand }
  }
  const version = snapshot?.servingVersion ?? null
  const traffic = version === null ? (snapshot?.traffic ?? []) : allTo(version)
  return { version, traffic, migrationTag: snapshot?.migrationTag ?? null, byHand }
}

async function findObstacle(db: Knex, context: CompensationContext): Promise<string | undefined> {
  for (const { step } of await findCompensations(db, context.deployment.id)) {
    const obstacle = await compensations[step]?.obstacle?.(context)
    if (obstacle !== undefined) return obstacle
  }
  return undefined
}

/**
 * Undoes what is not undone yet, each in a row of its own; a run after a crash goes on where the last one was.
 * @param context.again looks at everything, and undoes what has come back.
 */
async function walk(
  db: Knex,
  run: Run,
  { again = false, ...context }: CompensationContext & { again?: boolean },
): Promise<void> {
  const deploymentId = context.deployment.id
  for (const { step, status, outcome: before } of await findCompensations(db, deploymentId)) {
    if (status === 'completed' && !again) continue
    const about = { deploymentId, step }
    await run.write((trx) => updateCompensation(trx, about, { status: 'running' }))
    if (!again) context.log.info(`Undoing: ${steps[step]}`)
    const undone = (await compensations[step]?.undo(context)) ?? { note: 'nothing to undo' }
    const outcome = { ...before, ...undone }
    await context.log.flush()
    await run.write((trx) => updateCompensation(trx, about, { status: 'completed', outcome }))
  }
}

async function finish(
  engine: EngineOptions,
  trx: Knex.Transaction,
  about: { deployment: Deployment; attempt: number },
): Promise<void> {
  const { deployment, attempt } = about
  const outcomes = (await findCompensations(trx, deployment.id)).flatMap(({ outcome }) => outcome ?? [])
  const rollback = deployment.rollback && { ...deployment.rollback, ...restoredBy(outcomes) }
  await updateDeployment(trx, deployment.id, { status: 'rolled_back', rollback, finished: true })
  await watchForLate(engine, trx, { deployment, certain: attempt === 1 })
  await reportLater(engine.enqueue, trx, deployment)
  const data = outcomes.some((each) => each.dataGone)
    ? 'the script and the data of its Durable Objects are gone'
    : 'data in Durable Objects is as the app left it'
  const line = logEvent(deployment.id, 'info', `Rolled back; ${data}`)
  await appendEvents(trx, [line, endEvent(deployment, 'rolled_back')])
}

function restoredBy(outcomes: Undone[]): { restored?: string | null; shared?: boolean } {
  const found = outcomes.find((each) => each.restored !== undefined)
  if (found?.restored !== undefined) return { restored: found.restored }
  return outcomes.some((each) => each.shared) ? { shared: true } : {}
}

/** There is no way back, and nothing was undone: what serves goes on serving. */
async function leaveAsItIs(
  engine: EngineOptions,
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
  await updateDeployment(trx, deployment.id, { status, rollback, ...change, finished: true })
  await watchForLate(engine, trx, { deployment, certain: false })
  await reportLater(engine.enqueue, trx, deployment)
  await appendEvents(trx, [logEvent(deployment.id, 'error', message), endEvent(deployment, status)])
}

/** A rollback that can't go on leaves a state that says so, and rows that say what is left to undo. */
export async function settleRollback(
  engine: EngineOptions,
  trx: Knex.Transaction,
  { payload, ending }: { payload: { deploymentId: string }; ending: Ending },
): Promise<void> {
  const deployment = await lockDeployment(trx, payload.deploymentId)
  if (deployment === undefined) return
  // Called off while the step that it waits for is still letting go.
  const { status } = deployment
  if (status === 'initiated' || status === 'in_progress')
    return updateDeployment(trx, deployment.id, { rollback: null })
  if (status !== 'rolling_back') return
  const cause = endingError(ending)
  const error = { code: 'DEPLOY_007', message: `Rollback failed: ${cause.message}` }
  await failCompensations(trx, deployment.id, cause)
  await updateDeployment(trx, deployment.id, { status: 'rollback_failed', error, finished: true })
  await watchForLate(engine, trx, { deployment, certain: false })
  await reportLater(engine.enqueue, trx, deployment)
  const line = logEvent(deployment.id, 'error', error.message)
  await appendEvents(trx, [line, endEvent(deployment, 'rollback_failed')])
}
