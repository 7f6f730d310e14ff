import type { Knex } from 'knex'
import type { Principal } from '../../platform/auth.ts'
import { conflict } from '../../platform/errors.ts'
import { findDeployment } from '../store/index.ts'
import { type ActionOptions, lockStepJob, requireDeployment } from './target-lock.ts'

/** Cancels a running deployment, in whichever process it runs. @throws SYS_005, ACCESS_003, STATE_001 */
export async function cancelDeployment(
  options: ActionOptions,
  trx: Knex.Transaction,
  { principal, id }: { principal: Principal; id: string },
): Promise<{ jobId: string }> {
  const deployment = await requireDeployment(trx, principal, id)
  const job = await lockStepJob(options, trx, id)
  if (job === undefined) {
    const { status } = (await findDeployment(trx, id)) ?? deployment
    throw conflict(`The deployment can't be cancelled any more: ${status}`, { status })
  }
  await options.jobs().cancel(trx, job.id)
  return { jobId: job.id }
}
