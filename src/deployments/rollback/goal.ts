import { CodedError, conflict, notFound } from '../../platform/errors.ts'
import { currentTag, isGood, quarantineOf, restoresItself } from '../model/history.ts'
import { scriptName } from '../model/plan.ts'
import { sameTraffic } from '../plans/current-state/index.ts'
import type { TargetRow } from '../store/index.ts'
import { goalFromOutside, goalOfUndo, type RollbackTarget } from './last-good.ts'
import { codeVersionOf, hasAllTraffic, isOffered, type Serving, type ServingAnswer } from './serving.ts'

export interface GoalRequest {
  /** The id of a version, or of the deployment that made it. */
  targetVersion: string | undefined
  /** True if the newest deployment is running; the rollback cancels it first. */
  running: boolean
  serving: ServingAnswer
}

export interface Decision {
  goal: RollbackTarget
  /** True if the goal has all traffic in the cloud already, so that there is nothing to roll back. */
  serves: boolean
}

/**
 * Decides the version that a requested rollback restores.
 * @param history the deployments to the target, newest first
 * @throws SYS_005 if the version is not the app's, STATE_001 if it is unreachable or there is nothing to undo, SYS_002
 * or STATE_003 if the decision needs the cloud and it cannot be read
 */
export function decideGoal(history: TargetRow[], request: GoalRequest): Decision {
  const [newest] = history
  if (newest === undefined) throw notFound('Deployment')
  if (newest.status === 'rolling_back') {
    throw conflict('The deployment is being rolled back', { jobId: newest.rollback?.jobId })
  }
  const goal =
    request.targetVersion === undefined
      ? goalWithoutTarget(history, newest, request)
      : goalFromTarget(history, newest, request)
  if (goal.version === null) requireGoalWithoutVersion(newest, request.running)
  const { running, serving: answer } = request
  const serves =
    answer.known &&
    !running &&
    // Other changes of a failed rollback may still have to be undone.
    newest.status !== 'rollback_failed' &&
    goal.version !== null &&
    hasAllTraffic(answer.serving, goal.version)
  if (goal.version !== null && !serves) requireReachable(history, goal, answer)
  return { goal, serves }
}

/** Like `decideGoal`, but requires a change. @throws STATE_001 if the goal already serves */
export function goalOfRequest(history: TargetRow[], request: GoalRequest): RollbackTarget {
  const { goal, serves } = decideGoal(history, request)
  if (serves) {
    const message = `Version ${goal.version} already serves: there is nothing to roll back`
    throw conflict(message, { serves: true, targetVersion: goal.version })
  }
  return goal
}

function goalWithoutTarget(
  history: TargetRow[],
  newest: TargetRow,
  { running, serving: answer }: GoalRequest,
): RollbackTarget {
  if (running) return goalOfUndo(history, answer.known ? answer.serving : undefined)
  // Capstan's record is enough only if the operator names the version.
  if (!answer.known) throw answer.error
  const { serving } = answer
  if (newest.status === 'rolled_back' && isAsRestored(newest, serving)) {
    const restored = newest.rollback?.restored ?? null
    if (restored !== null) return { version: restored, migrationTag: serving.migrationTag }
    throw conflict('The deployment was rolled back already; to go further back, name a version')
  }
  const codeVersions = serving.traffic.map(({ versionId }) => codeVersionOf(serving, versionId))
  const makers = codeVersions.map((versionId) => makerOf(history, serving, versionId))
  const [maker] = makers
  const isGoal = maker?.status === 'completed' && (maker !== newest || restoresItself(newest))
  if (isGoal && makers.length === 1 && newest.status !== 'rollback_failed') {
    return { version: maker.versionId, migrationTag: maker.migrationTag }
  }
  // Only good deployments and the newest one serve, so the newest one is undone.
  const isOwn = (each: TargetRow | undefined) =>
    each !== undefined && (each === newest ? each.status !== 'rolled_back' : isGood(each))
  // A deployment that ended between its first share of the traffic and all of it serves beside the version before it.
  const isBefore = (index: number) =>
    makers.includes(newest) && serving.traffic[index]?.versionId === newest.snapshot?.servingVersion
  const undo = serving.exists
    ? makers.length > 0 && makers.every((each, index) => isBefore(index) || isOwn(each))
    : true
  const goal = undo ? goalOfUndo(history) : undefined
  if (goal === undefined || (goal.version === null && hasOnlySecretsToUndo(newest, serving))) {
    return goalFromOutside(history, serving)
  }
  return goal
}

/** True if the app's first deployment completed and only its secrets were changed since. */
function hasOnlySecretsToUndo({ status, snapshot }: TargetRow, serving: Serving): boolean {
  const isChanged = serving.traffic.some(({ versionId }) => codeVersionOf(serving, versionId) !== versionId)
  return isChanged && status === 'completed' && snapshot?.traffic === undefined
}

/** The deployment that made a version. The newest one is also found by the tag: its upload may have no answer. */
function makerOf(history: TargetRow[], { offered }: Serving, versionId: string): TargetRow | undefined {
  const maker = history.find((each) => each.versionId === versionId)
  if (maker !== undefined) return maker
  const [newest] = history
  const tag = offered.find(({ id }) => id === versionId)?.tag
  return newest !== undefined && tag === newest.id ? newest : undefined
}

/** True if the versions that the last rollback restored still serve. */
function isAsRestored({ rollback, snapshot }: TargetRow, { exists, traffic }: Serving): boolean {
  if (rollback?.shared) return sameTraffic(traffic, snapshot?.traffic ?? [])
  const restored = rollback?.restored ?? null
  if (restored === null) return !exists
  return traffic.length === 1 && traffic[0]?.versionId === restored
}

function goalFromTarget(
  history: TargetRow[],
  newest: TargetRow,
  { targetVersion, running, serving }: GoalRequest,
): RollbackTarget {
  const maker = history.find((each) => each.versionId === targetVersion || each.id === targetVersion)
  if (maker === undefined) return goalOfOutsideVersion(newest, targetVersion ?? '', serving)
  if (maker === newest && (running || !isGood(newest))) {
    throw conflict('This is the version of the deployment that is to be rolled back')
  }
  const verdict = quarantineOf(history, maker.digest)
  if (verdict !== undefined) {
    const message =
      'That version was rolled back itself; to have it again, deploy that code again with options.force: true'
    throw conflict(message, { deploymentId: verdict.id })
  }
  if (maker.versionId === null)
    throw conflict('That deployment has made no version', { deploymentId: maker.id })
  return { version: maker.versionId, migrationTag: maker.migrationTag }
}

/** The goal for a version that no deployment of the app made; the cloud has to offer it. */
function goalOfOutsideVersion(newest: TargetRow, version: string, answer: ServingAnswer): RollbackTarget {
  const { servingVersion, migrationTag = null } = newest.snapshot ?? {}
  if (servingVersion === version) return { version, migrationTag }
  if (!answer.known) throw answer.error
  if (isOffered(answer.serving, version)) return { version, migrationTag: answer.serving.migrationTag }
  const suggestedAction = `See capstan versions ${newest.app} --environment ${newest.environment}`
  throw new CodedError('SYS_005', 'Version not found', { suggestedAction })
}

/**
 * Requires that a rollback without a single version is possible: shared traffic is restored, and a first deployment
 * that did not complete is removed with its Worker.
 * @throws STATE_001
 */
function requireGoalWithoutVersion(newest: TargetRow, running: boolean): void {
  if (running) return
  const { snapshot, status, app, environment } = newest
  if (snapshot === null) throw conflict('The deployment has changed nothing: there is nothing to roll back')
  if (snapshot.traffic !== undefined) return
  if (snapshot.scriptExists) throw conflict('No single version served before: name a version')
  if (status === 'completed') {
    throw conflict(
      `There is no version before this one; to be rid of the app, DELETE /deploy/apps/${app}/${environment}`,
    )
  }
}

/** @throws STATE_001 if the cloud can no longer make the version serve */
function requireReachable(history: TargetRow[], goal: RollbackTarget, answer: ServingAnswer): void {
  const [newest] = history
  const serving = answer.known ? answer.serving : undefined
  if (serving?.exists === false && newest !== undefined) {
    const script = scriptName(newest.app, newest.environment)
    throw conflict(`The Worker ${script} was deleted outside Capstan, with all its versions: deploy it again`)
  }
  if (serving !== undefined && !isOffered(serving, goal.version)) {
    throw conflict(
      `Cloudflare offers only the 100 newest versions of a Worker, and version ${goal.version} is older: deploy its code again, or go back to a newer version`,
    )
  }
  if ((serving === undefined ? currentTag(history) : serving.migrationTag) === goal.migrationTag) return
  const reason = `Durable Object classes have changed since version ${goal.version}, and there is no way back over that`
  throw conflict(`The deployment can't be rolled back: ${reason}`, { reasons: [reason] })
}
