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

/** What the handlers of the jobs work with. */
export interface ExecutionServices {
  db: Knex
  secrets: Secrets
  targets: Targets
  images: Images
  enqueue: Enqueue
  records: GitHubRecords
}

export type StepOwner = Pick<Deployment, 'id' | 'options' | 'startedBy' | 'correlationId'>

/** What every job of a deployment has in common. */
export function ownership(deployment: Pick<Deployment, 'id' | 'startedBy' | 'correlationId'>) {
  const { id, startedBy, correlationId } = deployment
  return {
    subject: deploymentStream(id),
    owner: startedBy,
    ...(correlationId === null ? {} : { correlationId }),
  }
}

export function enqueueStep(
  enqueue: Enqueue,
  trx: Knex.Transaction,
  about: { deployment: StepOwner; step: StepKey; again?: { before: number; attempts: number } },
): Promise<string> {
  const { deployment, step, again } = about
  return enqueue(trx, deployStepSpec, {
    payload: { deploymentId: deployment.id, step, before: again?.before ?? 0 },
    maxAttempts: again?.attempts ?? deployment.options.maxRetries + 1,
    ...ownership(deployment),
  })
}
