import type { Knex } from 'knex'
import type { Principal } from '../../platform/auth.ts'
import { conflict, notFound } from '../../platform/errors.ts'
import { appendEvents, streamHead } from '../../platform/events/index.ts'
import type { Environment } from '../config.ts'
import { deploymentStream, logEvent } from '../log.ts'
import type { BindingReturn } from '../model/app-state.ts'
import { type Goal, servedBy } from '../model/history.ts'
import { requireEnvironment } from '../model/permission.ts'
import { scriptName } from '../model/plan.ts'
import { goalOfRequest, willNotUndo } from '../rollback/goal.ts'
import { lookAhead, type RollbackOutlook } from '../rollback/outlook.ts'
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
export interface RollbackStarted {
  jobId: string
  /** The deployment that is rolled back: its log tells of the rollback. */
  deploymentId: string
  targetVersion: string | null
  /** The deployment that made that version; null where none of ours did. */
  targetDeployment: string | null
  estimatedTime: number
  willNotUndo: string[]
  /** What will become of secrets and variables; null when it could not be read. */
  bindings: BindingReturn | null
  /** The number of the last line of the log before the rollback. */
  logsAfter: number
}

/** Seconds that a rollback takes while there was none yet. */
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
  await requireNewest(trx, seen)
  // Its job first: from here on the deployment stays as it is until this transaction ends.
  const job = await lockStepJob(options, trx, id)
  const history = await listHistory(trx, app, environment)
  const [deployment = seen] = history
  const goal = goalFor(history, { targetVersion: wish.targetVersion, running: job !== undefined })
  const estimatedTime = Math.ceil((await rollbackMedian(trx)) ?? firstEstimate)
  const asked = {
    byHand: true,
    reason: wish.reason ?? null,
    targetVersion: job !== undefined && isAsBefore(history, wish, goal) ? null : goal.version,
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
  const bindings = outlook?.version === goal.version ? outlook.bindings : undefined
  return {
    jobId: rollback.jobId,
    deploymentId: id,
    targetVersion: goal.version,
    targetDeployment: history.find(({ versionId }) => versionId === goal.version)?.id ?? null,
    estimatedTime,
    willNotUndo: willNotUndo(deployment, goal, { script: scriptName(app, environment), bindings }),
    bindings: bindings ?? null,
    logsAfter,
  }
}

/** Reads before the transaction what the rollback will do to secrets and variables: the cloud has to be asked. */
export async function rollbackOutlook(
  options: VerbOptions,
  { principal, wish }: { principal: Principal; wish: RollbackRequest },
): Promise<RollbackOutlook | undefined> {
  const { db } = options
  const seen = 'id' in wish.of ? await findDeployment(db, wish.of.id) : wish.of
  if (seen === undefined) return undefined
  requireEnvironment(principal, seen.environment)
  const history = await listHistory(db, seen.app, seen.environment)
  const [newest] = history
  if (newest === undefined) return undefined
  const running = newest.status === 'initiated' || newest.status === 'in_progress'
  let version: string | null
  try {
    version = goalOfRequest(history, { targetVersion: wish.targetVersion, running }).version
  } catch {
    // Refused, as the transaction will say.
    return undefined
  }
  return lookAhead(options, history, { version, traffic: newest.snapshot?.traffic ?? [] })
}

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
async function requireNewest(trx: Knex.Transaction, seen: Deployment): Promise<void> {
  try {
    await newestOf(trx, seen)
  } catch (error) {
    throw withCommand(error, { history: await listHistory(trx, seen.app, seen.environment), wanted: seen.id })
  }
}

/** The same for a goal that can't be reached. */
function goalFor(history: TargetRow[], request: Parameters<typeof goalOfRequest>[1]): Goal {
  try {
    return goalOfRequest(history, request)
  } catch (error) {
    throw withCommand(error, { history })
  }
}

/** Of a deployment that runs: what its snapshot says, or will say, unless that was no good or a version was named. */
function isAsBefore([newest, ...earlier]: TargetRow[], wish: RollbackRequest, goal: Goal): boolean {
  if (wish.targetVersion !== undefined) return false
  const served = servedBy(earlier)
  const before = newest?.snapshot?.servingVersion ?? (typeof served === 'object' ? served.version : null)
  return goal.version === null || goal.version === before
}
