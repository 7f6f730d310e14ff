import type { Knex } from 'knex'
import type { Principal } from '../../platform/auth.ts'
import { CodedError, conflict, notFound } from '../../platform/errors.ts'
import { appendEvents, streamHead } from '../../platform/events/index.ts'
import type { Environment } from '../config.ts'
import { deploymentStream, logEvent } from '../log.ts'
import { requireEnvironment } from '../model/permission.ts'
import { describeRollback, type RollbackOutcome } from '../rollback/describe.ts'
import { type GoalRequest, goalOfRequest } from '../rollback/goal.ts'
import { type RollbackTarget, versionBefore } from '../rollback/last-good.ts'
import { basisOf, isRunning, type RollbackOutlook, readOutlook } from '../rollback/outlook.ts'
import { beginRollback, enqueueRollback } from '../rollback/start.ts'
import { withCommand } from '../rollback/targets.ts'
import {
  type Deployment,
  findDeployment,
  listHistory,
  rollbackMedian,
  type TargetRow,
  updateDeployment,
} from '../store/index.ts'
import {
  type ActionOptions,
  lockNewest,
  lockStepJob,
  requireDeployment,
  withTargetExclusive,
} from './target-lock.ts'

export interface RollbackRequest {
  /** The app, or the id of its newest deployment. */
  of: { id: string } | { app: string; environment: Environment }
  /** The id of a version, or of the deployment that made it. */
  targetVersion?: string | undefined
  reason?: string | undefined
}
export interface RollbackPreviewRequest {
  app: string
  environment: Environment
  targetVersion?: string | undefined
}

/** The effect and duration of a rollback that can be started. */
export interface RollbackPreview extends RollbackOutcome {
  /** True if the newest deployment runs; it is cancelled first. */
  running: boolean
  /** Seconds. */
  estimatedTime: number
}

export interface RollbackStarted extends RollbackOutcome {
  jobId: string
  /** Seconds. */
  estimatedTime: number
  /** The sequence number of the last log line before the rollback. */
  logsAfter: number
}

/** Thrown if the app's newest deployment changed after the cloud was read: the caller reads again. */
export class OutdatedOutlook extends CodedError {
  override name = 'OutdatedOutlook'
  constructor() {
    super('STATE_001', 'The app changed while its rollback was checked: try again', { retryable: true })
  }
}

/** Estimated seconds of a rollback while none has been measured. */
const defaultEstimateSeconds = 300

/** Starts a rollback. A running deployment is cancelled, and the rollback waits until its step has ended. */
export async function rollBack(
  options: ActionOptions,
  trx: Knex.Transaction,
  input: { principal: Principal; request: RollbackRequest; outlook: RollbackOutlook | undefined },
): Promise<RollbackStarted> {
  const { principal, request, outlook } = input
  const requested = await findRequested(trx, principal, request.of)
  if (requested.dryRun) throw conflict('A dry run changes nothing: there is nothing to roll back')
  const { id, app, environment } = requested
  await requireNewest(trx, requested, outlook)
  // The job's row is locked first: the deployment cannot change until this transaction ends.
  const job = await lockStepJob(options, trx, id)
  const history = await listHistory(trx, app, environment)
  const [deployment] = history
  if (deployment === undefined || outlook?.basis !== basisOf(deployment)) throw new OutdatedOutlook()
  const { serving } = outlook
  const goalRequest = { targetVersion: request.targetVersion, running: job !== undefined, serving }
  const goal = goalFor(history, goalRequest)
  const estimatedTime = await estimate(trx)
  const planned = {
    byHand: true,
    reason: request.reason ?? null,
    targetVersion: isSnapshotVersion(history, goalRequest, goal) ? null : goal.version,
    migrationTag: goal.migrationTag,
  }
  const rollback = await enqueueRollback(options.enqueue, trx, { deployment, planned })
  const logsAfter = (await streamHead(trx, deploymentStream(id)))?.seq ?? 0
  if (job === undefined) {
    const line = `Rolling back by request${request.reason === undefined ? '' : `: ${request.reason}`}`
    await withTargetExclusive(trx, deployment, (inner) =>
      beginRollback(inner, deployment, { rollback, line }),
    )
  } else {
    await updateDeployment(trx, id, { rollback })
    await appendEvents(trx, [logEvent(id, 'warn', 'Cancelled and rolled back by request')])
    await options.jobs().cancel(trx, job.id)
  }
  const bindings = outlook.version === goal.version ? outlook.bindings : undefined
  const outcome = describeRollback(history, deployment, { goal, serving, bindings })
  return { jobId: rollback.jobId, ...outcome, estimatedTime, logsAfter }
}

/** Reads the cloud's state, before the transaction of a rollback. @throws ACCESS_003 */
export async function rollbackOutlook(
  options: ActionOptions,
  { principal, request }: { principal: Principal; request: RollbackRequest },
): Promise<RollbackOutlook | undefined> {
  const { db } = options
  const requested = 'id' in request.of ? await findDeployment(db, request.of.id) : request.of
  if (requested === undefined) return undefined
  requireEnvironment(principal, requested.environment)
  const history = await listHistory(db, requested.app, requested.environment)
  return readOutlook(options, history, request.targetVersion)
}

/** The effect of a rollback, without starting it. @throws the errors of `rollBack` */
export async function previewRollback(
  options: ActionOptions,
  { app, environment, targetVersion }: RollbackPreviewRequest,
): Promise<RollbackPreview> {
  const history = await listHistory(options.db, app, environment)
  const [newest] = history
  const outlook = await readOutlook(options, history, targetVersion)
  if (newest === undefined || outlook === undefined) throw notFound('App')
  const running = isRunning(newest)
  const { serving, bindings } = outlook
  const goal = goalFor(history, { targetVersion, running, serving })
  const estimatedTime = await estimate(options.db)
  return { ...describeRollback(history, newest, { goal, serving, bindings }), running, estimatedTime }
}

const estimate = async (db: Knex) => Math.ceil((await rollbackMedian(db)) ?? defaultEstimateSeconds)

/** @throws SYS_005 if the deployment or app does not exist, ACCESS_003 */
async function findRequested(
  trx: Knex.Transaction,
  principal: Principal,
  of: RollbackRequest['of'],
): Promise<Deployment> {
  if ('id' in of) return requireDeployment(trx, principal, of.id)
  requireEnvironment(principal, of.environment)
  const [newest] = await listHistory(trx, of.app, of.environment)
  if (newest === undefined) throw notFound('App')
  return newest
}

/** @throws STATE_001 with the command to use instead, if the deployment is not the newest of its app */
async function requireNewest(
  trx: Knex.Transaction,
  requested: Deployment,
  outlook: RollbackOutlook | undefined,
): Promise<void> {
  try {
    await lockNewest(trx, requested)
  } catch (error) {
    if (outlook === undefined) throw error
    const history = await listHistory(trx, requested.app, requested.environment)
    throw withCommand(error, { history, serving: outlook.serving, wanted: requested.id })
  }
}

/** @throws STATE_001 with the command to use instead, if the goal is impossible */
function goalFor(history: TargetRow[], request: GoalRequest): RollbackTarget {
  try {
    return goalOfRequest(history, request)
  } catch (error) {
    throw withCommand(error, { history, serving: request.serving })
  }
}

/** True if a running deployment goes back to the version of its snapshot, and no version was requested. */
function isSnapshotVersion(
  history: TargetRow[],
  { targetVersion, running, serving }: GoalRequest,
  goal: RollbackTarget,
): boolean {
  if (!running || targetVersion !== undefined) return false
  const before = versionBefore(history, serving.known ? serving.serving : undefined)
  return goal.version === null || goal.version === before
}
