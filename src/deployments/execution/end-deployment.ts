import type { Knex } from 'knex'
import { appendEvents } from '../../platform/events/index.ts'
import type { Enqueue } from '../../platform/jobs/index.ts'
import { reportLater } from '../github/jobs.ts'
import { watchForLateWrites } from '../late-writes/watch.ts'
import { endEvent, type LogLevel, logEvent } from '../log.ts'
import { type Deployment, updateDeployment } from '../store/index.ts'

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
