import { randomUUID } from 'node:crypto'
import type { Knex } from 'knex'
import type { Principal } from '../../platform/auth.ts'
import { invalidBody, notFound } from '../../platform/errors.ts'
import type { Environment } from '../config.ts'
import { deleteAppSpec } from '../jobs/specs.ts'
import { requireEnvironment } from '../model/permission.ts'
import { scriptName } from '../model/plan.ts'
import { findLive, listHistory, lockTarget, takeHold } from '../store/index.ts'
import { type ActionOptions, inProgress, targetHeldError } from './target-lock.ts'

export interface DeleteRequest {
  app: string
  environment: Environment
  confirm: string
  correlationId: string
}
export interface DeleteStarted {
  jobId: string
  willDelete: string[]
}

/**
 * Starts the job that deletes an app with its data.
 * @throws REQ_002 without the app's name as confirmation, SYS_005, ACCESS_003, STATE_001
 */
export async function deleteApp(
  options: ActionOptions,
  trx: Knex.Transaction,
  { principal, request }: { principal: Principal; request: DeleteRequest },
): Promise<DeleteStarted> {
  const { app, environment, confirm, correlationId } = request
  requireEnvironment(principal, environment)
  await lockTarget(trx, app, environment)
  const history = await listHistory(trx, app, environment)
  if (history.length === 0) throw notFound('App')
  if (confirm !== app) {
    const problem = `must be the app's name, ${app}: the app goes with all data of its Durable Objects`
    const fields = [{ path: 'confirm', problem }]
    throw invalidBody(fields)
  }
  const live = await findLive(trx, app, environment)
  if (live !== undefined) throw inProgress(app, environment, live)
  const deletionId = randomUUID()
  if (!(await takeHold(trx, { app, environment, purpose: 'delete', holder: deletionId })))
    throw targetHeldError()
  const jobId = await options.enqueue(trx, deleteAppSpec, {
    payload: { app, environment, deletionId },
    subject: `app:${app}/${environment}`,
    owner: principal.id,
    correlationId,
  })
  const script = scriptName(app, environment)
  return {
    jobId,
    willDelete: [
      `the Worker ${script}, all its versions, its secrets and its address`,
      'all data of its Durable Objects, for good',
    ],
  }
}
