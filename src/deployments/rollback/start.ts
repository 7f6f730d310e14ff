import type { Knex } from 'knex'
import { appendEvents } from '../../platform/events/index.ts'
import type { Enqueue } from '../../platform/jobs/index.ts'
import { ownership } from '../jobs/enqueue.ts'
import { rollbackSpec } from '../jobs/specs.ts'
import { logEvent } from '../log.ts'
import { restoresItself } from '../model/history.ts'
import { type StepKey, stepKeys } from '../model/states.ts'
import {
  type Deployment,
  findSteps,
  planCompensations,
  type Rollback,
  updateDeployment,
} from '../store/index.ts'
import { compensations } from './undo/index.ts'

export type RollbackWish = Omit<Rollback, 'jobId' | 'restored'>

/** Makes the job of a rollback exist. @returns the whole wish, to be kept with the deployment. */
export async function enqueueRollback(
  enqueue: Enqueue,
  trx: Knex.Transaction,
  { deployment, wish }: { deployment: Deployment; wish: RollbackWish },
): Promise<Rollback> {
  const payload = { deploymentId: deployment.id }
  const jobId = await enqueue(trx, rollbackSpec, { payload, ...ownership(deployment) })
  return { ...wish, jobId }
}

/** What follows the version that serves. */
const ownSteps: readonly StepKey[] = ['deploy_worker', 'rollout_container']

/** From here on the deployment is being undone: a row for each step that was begun and can be, the last one first. */
export async function beginRollback(
  trx: Knex.Transaction,
  deployment: Deployment,
  about: { rollback: Rollback; line: string; error?: Deployment['error'] },
): Promise<void> {
  const { rollback, line, error } = about
  const begun = new Set(
    // A step that was skipped has left nothing behind.
    (await findSteps(trx, deployment.id)).flatMap(({ step, startedAt, skipped }) =>
      startedAt === null || skipped ? [] : [step],
    ),
  )
  // A version that was named is to serve, however far the deployment has come.
  if (rollback.targetVersion !== null) begun.add('deploy_worker')
  // Its own version serves again: what else it changed, like its host names, is to stay.
  const kept = restoresItself({ ...deployment, rollback }) ? ownSteps : stepKeys
  const undoable = stepKeys
    .toReversed()
    .filter((step) => begun.has(step) && kept.includes(step) && compensations[step] !== undefined)
  await updateDeployment(trx, deployment.id, {
    status: 'rolling_back',
    rollback,
    finished: false,
    ...(error === undefined ? {} : { error }),
  })
  await planCompensations(trx, deployment.id, undoable)
  await appendEvents(trx, [logEvent(deployment.id, rollback.byHand ? 'warn' : 'error', line)])
}
