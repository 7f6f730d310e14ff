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

/** A rollback that has no job yet. */
export type PlannedRollback = Omit<Rollback, 'jobId' | 'restored'>

/** Enqueues the job of a rollback. @returns the rollback with its job's id, to be stored with the deployment */
export async function enqueueRollback(
  enqueue: Enqueue,
  trx: Knex.Transaction,
  { deployment, planned }: { deployment: Deployment; planned: PlannedRollback },
): Promise<Rollback> {
  const payload = { deploymentId: deployment.id }
  const jobId = await enqueue(trx, rollbackSpec, { payload, ...ownership(deployment) })
  return { ...planned, jobId }
}

/** The steps whose undo changes the serving version and its container. */
const versionSteps: readonly StepKey[] = ['deploy_worker', 'rollout_container']

/** Sets the deployment to `rolling_back`, with a row per step that was started and has an undo, in reverse order. */
export async function beginRollback(
  trx: Knex.Transaction,
  deployment: Deployment,
  input: { rollback: Rollback; line: string; error?: Deployment['error'] },
): Promise<void> {
  const { rollback, line, error } = input
  const startedSteps = new Set(
    // A skipped step has changed nothing.
    (await findSteps(trx, deployment.id)).flatMap(({ step, startedAt, skipped }) =>
      startedAt === null || skipped ? [] : [step],
    ),
  )
  // The requested version has to serve, even if the deployment had not reached this step.
  if (rollback.targetVersion !== null) startedSteps.add('deploy_worker')
  // The deployment's own version is restored, so its other changes, like host names, stay.
  const stepsToUndo = restoresItself({ ...deployment, rollback }) ? versionSteps : stepKeys
  const undoable = stepKeys
    .toReversed()
    .filter(
      (step) => startedSteps.has(step) && stepsToUndo.includes(step) && compensations[step] !== undefined,
    )
  await updateDeployment(trx, deployment.id, {
    status: 'rolling_back',
    rollback,
    finished: false,
    ...(error === undefined ? {} : { error }),
  })
  await planCompensations(trx, deployment.id, undoable)
  await appendEvents(trx, [logEvent(deployment.id, rollback.byHand ? 'warn' : 'error', line)])
}
