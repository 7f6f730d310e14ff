import type { Knex } from 'knex'
import type { Principal } from '../../platform/auth.ts'
import { CodedError, conflict, notFound } from '../../platform/errors.ts'
import { appendEvents, streamHead } from '../../platform/events/index.ts'
import type { Environment } from '../config.ts'
import { deploymentStream, logEvent } from '../log.ts'
import { requireEnvironment } from '../model/permission.ts'
import { describeRollback, type RollbackOutcome } from '../rollback/describe.ts'
import { type GoalRequest, goalOfRequest } from '../rollback/goal.ts'
import { type Goal, versionBefore } from '../rollback/last-good.ts'
import { basisOf, isRunning, lookAhead, type RollbackOutlook } from '../rollback/outlook.ts'
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
import { alone, lockStepJob, newestOf, owned, type VerbOptions } from './target-lock.ts'

export interface RollbackRequest {
  /** The newest deployment of its app; or the app, whose newest one is meant. */
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

/** A rollback that may be started: what it does, and how long it takes. */
export interface RollbackPreview extends RollbackOutcome {
  /** The newest deployment runs, and is cancelled first. */
  running: boolean
  /** Seconds. */
  estimatedTime: number
}

export interface RollbackStarted extends RollbackOutcome {
  jobId: string
  /** Seconds. */
  estimatedTime: number
  /** The number of the last line of the log before the rollback. */
  logsAfter: number
}

/** The app's newest deployment changed between the look at the cloud and the transaction: look again. */
export class OutdatedOutlook extends CodedError {
  override name = 'OutdatedOutlook'
  constructor() {
    super('STATE_001', 'The app changed while its rollback was checked: try again', { retryable: true })
  }
}

/** Seconds that a rollback is said to take before there was any. */
const firstEstimate = 300

/** Of a deployment that runs: cancels it, and its rollback waits until its step has let go. */
export async function rollBack(
  options: VerbOptions,
  trx: Knex.Transaction,
  about: { principal: Principal; wish: RollbackRequest; outlook: RollbackOutlook | undefined },
): Promise<RollbackStarted> {
  const { principal, wish, outlook } = about
  const seen = await seenBy(trx, principal, wish.of)
  if (seen.dryRun) throw conflict('A dry run changes nothing: there is nothing to roll back')
  const { id, app, environment } = seen
  await requireNewest(trx, seen, outlook)
  // Its job first: from here on the deployment stays as it is until this transaction ends.
  const job = await lockStepJob(options, trx, id)
  const history = await listHistory(trx, app, environment)
  const [deployment] = history
  if (deployment === undefined || outlook?.basis !== basisOf(deployment)) throw new OutdatedOutlook()
  const { serving } = outlook
  const request = { targetVersion: wish.targetVersion, running: job !== undefined, serving }
  const goal = goalFor(history, request)
  const estimatedTime = await estimate(trx)
  const asked = {
    byHand: true,
    reason: wish.reason ?? null,
    targetVersion: isAsBefore(history, request, goal) ? null : goal.version,
    migrationTag: goal.migrationTag,
  }
  const rollback = await enqueueRollback(options.enqueue, trx, { deployment, wish: asked })
  const logsAfter = (await streamHead(trx, deploymentStream(id)))?.seq ?? 0
  if (job === undefined) {
    const line = `Rolling back by request${wish.reason === undefined ? '' : `: ${wish.reason}`}`
    await alone(trx, deployment, (inner) => beginRollback(inner, deployment, { rollback, line }))
  } else {
    await updateDeployment(trx, id, { rollback })
    await appendEvents(trx, [logEvent(id, 'warn', 'Cancelled and rolled back by request')])
    await options.jobs().cancel(trx, job.id)
  }
  const bindings = outlook.version === goal.version ? outlook.bindings : undefined
  const outcome = describeRollback(history, deployment, { goal, serving, bindings })
  return { jobId: rollback.jobId, ...outcome, estimatedTime, logsAfter }
}

/** Reads what the cloud has to say, before the transaction of a rollback. @throws ACCESS_003 */
export async function rollbackOutlook(
  options: VerbOptions,
  { principal, wish }: { principal: Principal; wish: RollbackRequest },
): Promise<RollbackOutlook | undefined> {
  const { db } = options
  const seen = 'id' in wish.of ? await findDeployment(db, wish.of.id) : wish.of
  if (seen === undefined) return undefined
  requireEnvironment(principal, seen.environment)
  const history = await listHistory(db, seen.app, seen.environment)
  return lookAhead(options, history, wish.targetVersion)
}

/** What a rollback would do, without starting it. @throws what starting it would */
export async function previewRollback(
  options: VerbOptions,
  { app, environment, targetVersion }: RollbackPreviewRequest,
): Promise<RollbackPreview> {
  const history = await listHistory(options.db, app, environment)
  const [newest] = history
  const outlook = await lookAhead(options, history, targetVersion)
  if (newest === undefined || outlook === undefined) throw notFound('App')
  const running = isRunning(newest)
  const { serving, bindings } = outlook
  const goal = goalFor(history, { targetVersion, running, serving })
  const estimatedTime = await estimate(options.db)
  return { ...describeRollback(history, newest, { goal, serving, bindings }), running, estimatedTime }
}

const estimate = async (db: Knex) => Math.ceil((await rollbackMedian(db)) ?? firstEstimate)

/** @throws SYS_005 for what is not there, ACCESS_003 */
async function seenBy(
  trx: Knex.Transaction,
  principal: Principal,
  of: RollbackRequest['of'],
): Promise<Deployment> {
  if ('id' in of) return owned(trx, principal, of.id)
  requireEnvironment(principal, of.environment)
  const [newest] = await listHistory(trx, of.app, of.environment)
  if (newest === undefined) throw notFound('App')
  return newest
}

/** @throws STATE_001 naming the command that works, for a deployment that is not the newest of its app. */
async function requireNewest(
  trx: Knex.Transaction,
  seen: Deployment,
  outlook: RollbackOutlook | undefined,
): Promise<void> {
  try {
    await newestOf(trx, seen)
  } catch (error) {
    if (outlook === undefined) throw error
    const history = await listHistory(trx, seen.app, seen.environment)
    throw withCommand(error, { history, serving: outlook.serving, wanted: seen.id })
  }
}

/** The same for a goal that can't be reached. */
function goalFor(history: TargetRow[], request: GoalRequest): Goal {
  try {
    return goalOfRequest(history, request)
  } catch (error) {
    throw withCommand(error, { history, serving: request.serving })
  }
}

/** Of a deployment that runs: what its snapshot says, or will say, unless that was not good or a version was named. */
function isAsBefore(
  history: TargetRow[],
  { targetVersion, running, serving }: GoalRequest,
  goal: Goal,
): boolean {
  if (!running || targetVersion !== undefined) return false
  const before = versionBefore(history, serving.known ? serving.serving : undefined)
  return goal.version === null || goal.version === before
}
