import type { Knex } from 'knex'
import type { Principal } from '../../platform/auth.ts'
import type { Environment } from '../config.ts'
import type { RollbackInfo } from '../model/rollback-info.ts'
import type { PrepareConfig } from '../model/schema.ts'
import { type AppVersions, readAppVersions } from '../rollback/app-versions.ts'
import type { RollbackOutlook } from '../rollback/outlook.ts'
import { type Deployment, insertPlan, type Step } from '../store/index.ts'
import type { WorkerLine } from '../targets/local-logs.ts'
import { cancelDeployment } from './cancel.ts'
import { type DeleteRequest, type DeleteStarted, deleteApp } from './delete-app.ts'
import { type DeployRequest, startDeployment } from './deploy.ts'
import { changesOfPlan } from './plan-changes.ts'
import { type PreparedPlan, preparePlan } from './prepare.ts'
import { addressesOf, deployedUrls, getDeployment, rollbackInfoOf, type Urls } from './read.ts'
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
import type { ActionOptions } from './target-lock.ts'
import { workerLogs } from './worker-logs.ts'

export type { PreparedPlan } from './prepare.ts'
export { OutdatedOutlook, type RollbackRequest } from './rollback.ts'

/** The actions on deployments. Methods with a transaction use only that; the others may read the cloud. */
export interface DeploymentActions {
  /** Builds the plan without writing; `keep` stores it in the caller's transaction. */
  prepare(
    principal: Principal,
    input: { environment: Environment; config: PrepareConfig },
  ): Promise<PreparedPlan>
  keep(trx: Knex.Transaction, prepared: PreparedPlan): Promise<void>
  /** The changes of a plan's app since the plan was made, as sentences; empty if the cloud does not answer. */
  changesSince(planId: string, principal: Principal): Promise<string[]>
  /** Starts a plan, or finds its deployment. @returns the first job's id if it was just started */
  deploy(
    trx: Knex.Transaction,
    principal: Principal,
    request: DeployRequest,
  ): Promise<{ jobId: string | undefined }>
  get(id: string, db?: Knex): Promise<{ deployment: Deployment; steps: Step[] }>
  /** The addresses of an app, or of a plan's app. */
  addressesOf(subject: { app: string } | { plan: string; by: Principal }): Promise<Urls>
  /** The given addresses, with null for environments to which the app was never deployed. */
  urls(app: string, addresses: Urls, db?: Knex): Promise<Urls>
  /** The versions of an app. Reads from the cloud which of them serve. */
  versions(app: string, environment: Environment): Promise<AppVersions>
  /** The last log lines of the app, oldest first. @throws STATE_003; SYS_005 for an app that was never deployed */
  workerLogs(app: string, environment: Environment): Promise<WorkerLine[]>
  /** The version that a rollback would restore, and whether that is possible. */
  rollbackInfo(deployment: Deployment, db?: Knex): Promise<RollbackInfo>
  /**
   * Starts a rollback.
   * @throws SYS_005 for an unknown deployment or version, STATE_001 (409) with the reason if it is impossible,
   * OutdatedOutlook if the cloud has to be read again, SYS_002 or STATE_003 if the cloud is needed and did not answer
   */
  rollback(
    trx: Knex.Transaction,
    principal: Principal,
    request: RollbackRequest & { outlook?: RollbackOutlook | undefined },
  ): Promise<RollbackStarted>
  /** Reads the cloud's state for a rollback, before its transaction. @throws ACCESS_003 */
  rollbackOutlook(principal: Principal, request: RollbackRequest): Promise<RollbackOutlook | undefined>
  /** The effect of a rollback, without starting it. @throws the errors of `rollback` */
  previewRollback(request: RollbackPreviewRequest): Promise<RollbackPreview>
  /** Runs a failed step again, and those after it. @throws SYS_005, STATE_001, REQ_002 */
  retry(trx: Knex.Transaction, principal: Principal, request: RetryRequest): Promise<RetryStarted>
  /** Cancels a running deployment, in whichever process it runs. @throws SYS_005, STATE_001 */
  cancel(trx: Knex.Transaction, principal: Principal, id: string): Promise<{ jobId: string }>
  /** Deletes an app with its data, as a job. @throws REQ_002 without its name as confirmation, SYS_005, STATE_001 */
  deleteApp(trx: Knex.Transaction, principal: Principal, request: DeleteRequest): Promise<DeleteStarted>
}

export function createDeploymentActions(options: ActionOptions): DeploymentActions {
  const { db } = options
  return {
    prepare: (principal, input) => preparePlan(options, principal, input),
    keep: (trx, prepared) => insertPlan(trx, prepared.plan),
    changesSince: (planId, principal) => changesOfPlan(options, planId, principal),
    deploy: (trx, principal, request) => startDeployment(options, trx, { principal, request }),
    get: (id, reader = db) => getDeployment(reader, id),
    addressesOf: (subject) => addressesOf(options, subject),
    urls: (app, addresses, reader = db) => deployedUrls(reader, app, addresses),
    versions: (app, environment) => readAppVersions(options, app, environment),
    workerLogs: (app, environment) => workerLogs(options, app, environment),
    rollbackInfo: (deployment, reader = db) => rollbackInfoOf(reader, deployment),
    rollback: (trx, principal, { outlook, ...request }) =>
      rollBack(options, trx, { principal, request, outlook }),
    rollbackOutlook: (principal, request) => rollbackOutlook(options, { principal, request }),
    previewRollback: (request) => previewRollback(options, request),
    retry: (trx, principal, request) => retry(options, trx, { principal, request }),
    cancel: (trx, principal, id) => cancelDeployment(options, trx, { principal, id }),
    deleteApp: (trx, principal, request) => deleteApp(options, trx, { principal, request }),
  }
}
