import type { Knex } from 'knex'
import { appendEvents } from '../platform/events/index.ts'
import type { Ending, Outcome, Run } from '../platform/jobs/index.ts'
import { toCodedError } from './cloudflare-errors.ts'
import type { EngineOptions } from './enqueue.ts'
import { createStepLog, endEvent, logEvent } from './logs.ts'
import { undo } from './rollback.ts'
import { findDeployment, findPlan, updateDeployment } from './store.ts'
import { endingError } from './views.ts'

/** One attempt to put the cloud back. */
export async function runRollback(
  engine: EngineOptions,
  { deploymentId }: { deploymentId: string },
  run: Run,
): Promise<Outcome> {
  const { db } = engine
  const deployment = await findDeployment(db, deploymentId)
  const plan = await findPlan(db, deploymentId)
  if (deployment === undefined || plan === undefined || deployment.status !== 'rolling_back')
    return { kind: 'done' }
  // The lease is asked for before anything is done outside: a worker that was frozen meanwhile ends here.
  await run.write(async () => undefined)
  const log = createStepLog(run, deploymentId)
  let dataLine: string
  try {
    const { cloud } = await engine.targets.of(deployment.environment)
    dataLine = await undo({ deployment, script: plan.config.script, cloud, signal: run.signal, log })
    await log.flush()
  } catch (error) {
    await log.flush().catch(() => undefined)
    throw toCodedError(error, { verified: true })
  }
  return {
    kind: 'done',
    async commit(trx) {
      await updateDeployment(trx, deploymentId, { status: 'rolled_back', finished: true })
      const line = logEvent(deploymentId, 'info', `Rolled back; ${dataLine}`)
      await appendEvents(trx, [line, endEvent(deployment, 'rolled_back')])
    },
  }
}

/** A rollback that can't go on leaves a state that says so. */
export async function settleRollback(
  trx: Knex.Transaction,
  { payload, ending }: { payload: { deploymentId: string }; ending: Ending },
): Promise<void> {
  const deployment = await findDeployment(trx, payload.deploymentId)
  if (deployment?.status !== 'rolling_back') return
  const reason = endingError(ending).message
  const error = { code: 'DEPLOY_007', message: `Rollback failed: ${reason}` }
  await updateDeployment(trx, deployment.id, { status: 'rollback_failed', error, finished: true })
  const line = logEvent(deployment.id, 'error', error.message)
  await appendEvents(trx, [line, endEvent(deployment, 'rollback_failed')])
}
