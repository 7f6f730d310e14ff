import type { Knex } from 'knex'
import type { Principal } from '../../platform/auth.ts'
import { conflict } from '../../platform/errors.ts'
import type { RollbackOutlook } from '../rollback/outlook.ts'
import { findDeployment } from '../store/index.ts'
import { type DeleteRequest, type DeleteStarted, deleteApp } from './delete-app.ts'
import { type RetryRequest, type RetryStarted, retry } from './retry.ts'
import {
  previewRollback,
  type RollbackPreview,
  type RollbackPreviewRequest,
  type RollbackRequest,
  type RollbackStarted,
  rollBack,
  rollbackOutlook,
} from './rollback.ts'
import { lockStepJob, owned, type VerbOptions } from './target-lock.ts'

export { OutdatedOutlook, type RollbackRequest } from './rollback.ts'
export { held, inProgress, requireSettled } from './target-lock.ts'

/** What people do to a deployment that there is, each in one transaction. */
export interface DeploymentVerbs {
  /**
   * @throws SYS_005 for an unknown deployment or version, STATE_001 (409) when it can't be done, with the reason,
   * OutdatedOutlook when the cloud has to be asked again, SYS_002 or STATE_003 when it did not answer and has to.
   */
  rollback(
    trx: Knex.Transaction,
    principal: Principal,
    wish: RollbackRequest & { outlook?: RollbackOutlook | undefined },
  ): Promise<RollbackStarted>
  /** Asks the cloud, so is called before the transaction of a rollback. @throws ACCESS_003 */
  rollbackOutlook(principal: Principal, wish: RollbackRequest): Promise<RollbackOutlook | undefined>
  /** What a rollback would do, without starting it: the cloud is asked. @throws what `rollback` would */
  previewRollback(wish: RollbackPreviewRequest): Promise<RollbackPreview>
  /** Runs a failed step again, and those after it. @throws SYS_005, STATE_001, REQ_002 */
  retry(trx: Knex.Transaction, principal: Principal, wish: RetryRequest): Promise<RetryStarted>
  /** Ends a deployment that runs, in whichever process. @throws SYS_005, STATE_001 */
  cancel(trx: Knex.Transaction, principal: Principal, id: string): Promise<{ jobId: string }>
  /** Deletes an app with its data, as a job. @throws REQ_002 without its name as confirmation, SYS_005, STATE_001 */
  deleteApp(trx: Knex.Transaction, principal: Principal, wish: DeleteRequest): Promise<DeleteStarted>
}

export function createDeploymentVerbs(options: VerbOptions): DeploymentVerbs {
  return {
    rollback: (trx, principal, { outlook, ...wish }) => rollBack(options, trx, { principal, wish, outlook }),
    rollbackOutlook: (principal, wish) => rollbackOutlook(options, { principal, wish }),
    previewRollback: (wish) => previewRollback(options, wish),
    retry: (trx, principal, wish) => retry(options, trx, { principal, wish }),
    async cancel(trx, principal, id) {
      const deployment = await owned(trx, principal, id)
      const job = await lockStepJob(options, trx, id)
      if (job === undefined) {
        const { status } = (await findDeployment(trx, id)) ?? deployment
        throw conflict(`The deployment can't be cancelled any more: ${status}`, { status })
      }
      await options.jobs().cancel(trx, job.id)
      return { jobId: job.id }
    },
    deleteApp: (trx, principal, wish) => deleteApp(options, trx, { principal, wish }),
  }
}
