import type { Knex } from 'knex'
import { appendEvents } from '../../platform/events/index.ts'
import type { Enqueue } from '../../platform/jobs/index.ts'
import { reportLater } from '../github/jobs.ts'
import { endEvent, type LogLevel, logEvent } from '../log.ts'
import { stepKeys } from '../model/states.ts'
import { type Deployment, findSteps, hasUnanswered, updateDeployment } from '../store/index.ts'
import { ownership } from './enqueue.ts'
import { lateArrivalsSpec } from './specs.ts'

/** Milliseconds from the end of a deployment to the first check for late writes. */
export const firstLateCheckMs = 10_000

type FinalStatus = Exclude<Deployment['status'], 'initiated' | 'in_progress' | 'rolling_back'>

export interface DeploymentEnd {
  deployment: Deployment
  status: FinalStatus
  /** The last line of the deployment's log. */
  line: { level: LogLevel; text: string }
  /** True if every call of the final run was answered; false starts a watch for late writes. */
  allAnswered: boolean
  /** Further changes to the deployment's row. */
  change?: Omit<Parameters<typeof updateDeployment>[2], 'status' | 'finished'>
}

/**
 * Ends a deployment, in the transaction that ends its job: sets the final status, starts the watch for late writes,
 * enqueues the report to GitHub, and writes the last log line and the end event. The only place that ends deployments.
 */
export async function endDeployment(
  { enqueue }: { enqueue: Enqueue },
  trx: Knex.Transaction,
  { deployment, status, line, allAnswered, change = {} }: DeploymentEnd,
): Promise<void> {
  await updateDeployment(trx, deployment.id, { ...change, status, finished: true })
  await watchForLateWrites(enqueue, trx, { deployment, allAnswered })
  await reportLater(enqueue, trx, deployment)
  await appendEvents(trx, [logEvent(deployment.id, line.level, line.text), endEvent(deployment, status)])
}

/** The steps that can change what serves. */
const changing = stepKeys.slice(stepKeys.indexOf('deploy_worker'))

/**
 * Enqueues the watch for late writes of a deployment that ends, unless every call that could have changed the cloud
 * was answered.
 * @param allAnswered false if a call of the final run may have been lost
 */
async function watchForLateWrites(
  enqueue: Enqueue,
  trx: Knex.Transaction,
  { deployment, allAnswered }: { deployment: Deployment; allAnswered: boolean },
): Promise<void> {
  const steps = await findSteps(trx, deployment.id)
  const attempts = steps.filter(({ step }) => changing.includes(step)).map((each) => each.attempt)
  if (Math.max(...attempts) === 0) return
  const isSettled = allAnswered && Math.max(...attempts) === 1
  if (isSettled && !(await hasUnanswered(trx, deployment.id))) return
  await enqueue(trx, lateArrivalsSpec, {
    payload: { deploymentId: deployment.id },
    delayMs: firstLateCheckMs,
    ...ownership(deployment),
  })
}
