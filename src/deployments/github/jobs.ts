import type { Knex } from 'knex'
import { z } from 'zod'
import { requirePermission } from '../../platform/auth.ts'
import type { Enqueue, JobDefinition } from '../../platform/jobs/index.ts'
import { namesOfDeployments } from '../store/index.ts'
import type { GitHubRecords } from './records.ts'
import { isReportable } from './store.ts'

const seconds = 1000
const minutes = 60 * seconds
const payload = z.strictObject({ deploymentId: z.uuid() })

/** Reports the status of a deployment to GitHub. Nothing waits for this job, and it cannot fail a deployment. */
export const reportToGitHubJob: JobDefinition<z.output<typeof payload>, GitHubRecords> = {
  queue: 'maintenance',
  name: 'report-to-github',
  payload,
  maxAttempts: 12,
  timeoutMs: () => 2 * minutes,
  backoff: { firstMs: 5 * seconds, maxMs: 15 * minutes },
  // A cancel hides the deployment from GitHub, so it requires the permission to deploy.
  async authorizeChange(_records, _db, { principal }) {
    requirePermission(principal, 'deployments:write:production')
  },
  describe: (_records, db, payloads) =>
    namesOfDeployments(
      db,
      payloads.map((each) => each.deploymentId),
    ),
  async handle(records, { deploymentId }, run) {
    try {
      await records.report(deploymentId, run.signal)
    } catch (error) {
      run.log.warn(
        { deploymentId, attempt: run.attempt, err: error },
        'reporting the deployment to GitHub failed',
      )
      throw error
    }
    return { kind: 'done' }
  },
}

/** Enqueues a report in the transaction that changes the deployment's status, if its plan names a commit. */
export async function reportLater(
  enqueue: Enqueue,
  trx: Knex.Transaction,
  deployment: { id: string; dryRun: boolean; startedBy: string; correlationId: string | null },
): Promise<void> {
  const { id, dryRun, startedBy, correlationId } = deployment
  if (dryRun || !(await isReportable(trx, id))) return
  await enqueue(trx, reportToGitHubJob, {
    payload: { deploymentId: id },
    subject: `github:${id}`,
    owner: startedBy,
    ...(correlationId === null ? {} : { correlationId }),
  })
}
