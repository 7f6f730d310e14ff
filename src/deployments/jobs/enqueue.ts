import type { Knex } from 'knex'
import type { Enqueue } from '../../platform/jobs/index.ts'
import type { Secrets } from '../../platform/secrets.ts'
import type { GitHubRecords } from '../github/records.ts'
import type { Images } from '../images/images.ts'
import { deploymentStream } from '../log.ts'
import type { StepKey } from '../model/states.ts'
import type { Deployment } from '../store/index.ts'
import type { Targets } from '../targets/targets.ts'
import { deployStepSpec } from './specs.ts'

/** The services of the job handlers. */
export interface ExecutionServices {
  db: Knex
  secrets: Secrets
  targets: Targets
  images: Images
  enqueue: Enqueue
  records: GitHubRecords
}

export type StepOwner = Pick<Deployment, 'id' | 'options' | 'startedBy' | 'correlationId'>

/** The subject, owner and correlation id of every job of a deployment. */
export function ownership(deployment: Pick<Deployment, 'id' | 'startedBy' | 'correlationId'>) {
  const { id, startedBy, correlationId } = deployment
  return {
    subject: deploymentStream(id),
    owner: startedBy,
    ...(correlationId === null ? {} : { correlationId }),
  }
}

/** Enqueues a step. @param job.again for a retry by hand: the attempts made before, and the attempts to add */
export function enqueueStep(
  enqueue: Enqueue,
  trx: Knex.Transaction,
  job: { deployment: StepOwner; step: StepKey; again?: { before: number; attempts: number } },
): Promise<string> {
  const { deployment, step, again } = job
  return enqueue(trx, deployStepSpec, {
    payload: { deploymentId: deployment.id, step, before: again?.before ?? 0 },
    maxAttempts: again?.attempts ?? deployment.options.maxRetries + 1,
    ...ownership(deployment),
  })
}
