import { conflict, notFound } from '../../platform/errors.ts'
import type { BindingReturn } from '../model/app-state.ts'
import { currentTag, type Goal, lastGood, quarantineOf, servedBy } from '../model/history.ts'
import { returnLines } from '../plans/current-state/index.ts'
import type { Deployment, TargetRow } from '../store/index.ts'

/**
 * Where a rollback by hand goes to.
 * @param history what was deployed to the target, the deployment in question first.
 * @throws SYS_005 for a version that is not the app's, STATE_001 when there is no way there, or nothing to undo.
 */
export function goalOfRequest(
  history: TargetRow[],
  { targetVersion, running }: { targetVersion: string | undefined; running: boolean },
): Goal {
  const [newest] = history
  if (newest === undefined) throw notFound('Deployment')
  if (newest.status === 'rolling_back') {
    throw conflict('The deployment is being rolled back', { jobId: newest.rollback?.jobId })
  }
  if (newest.status === 'rolled_back' && targetVersion === undefined) {
    throw conflict('The deployment was rolled back already; name a targetVersion to go further back')
  }
  const goal = targetVersion === undefined ? lastGood(history) : named(history, newest, targetVersion)
  if (goal.version === null) refuseWithoutGoal(newest, running)
  if (running) {
    if (goal.version !== null) refuseOneWay(history, goal)
    return goal
  }
  const served = servedBy(history)
  const serves = typeof served === 'object' && served.version === goal.version
  if (serves && newest.status !== 'rollback_failed') {
    throw conflict(`Version ${goal.version} serves: there is nothing to roll back`)
  }
  if (goal.version !== null) refuseOneWay(history, goal)
  return goal
}

function named(history: TargetRow[], newest: TargetRow, targetVersion: string): Goal {
  const maker = history.find((each) => each.versionId === targetVersion || each.id === targetVersion)
  if (maker === undefined) {
    const before = newest.snapshot?.servingVersion
    if (before !== targetVersion) throw notFound('Version')
    return { version: before, migrationTag: newest.snapshot?.migrationTag ?? null }
  }
  if (maker === newest) throw conflict('This is the version of the deployment that is to be rolled back')
  const verdict = quarantineOf(history, maker.digest)
  if (verdict !== undefined) {
    throw conflict(
      'That version was rolled back itself; to have it again, deploy its plan with options.force',
      {
        deploymentId: verdict.id,
      },
    )
  }
  if (maker.versionId === null)
    throw conflict('That deployment has made no version', { deploymentId: maker.id })
  return { version: maker.versionId, migrationTag: maker.migrationTag }
}

/** A first deployment that was no good is removed with its script; one that has served is not, by this way. */
function refuseWithoutGoal(newest: TargetRow, running: boolean): void {
  if (running) return
  const { snapshot, status, app, environment } = newest
  if (snapshot === null) throw conflict('The deployment has changed nothing: there is nothing to roll back')
  if (snapshot.traffic !== undefined) return
  if (snapshot.scriptExists) throw conflict('No single version served before: name a targetVersion')
  if (status === 'completed') {
    throw conflict(
      `There is no version before this one; to be rid of the app, DELETE /deploy/apps/${app}/${environment}`,
    )
  }
}

function refuseOneWay(history: TargetRow[], goal: Goal): void {
  if (currentTag(history) === goal.migrationTag) return
  const reason = `Durable Object classes have changed since version ${goal.version}, and there is no way back over that`
  throw conflict(`The deployment can't be rolled back: ${reason}`, { reasons: [reason] })
}

/** What stays as it is, goes for good, or returns with the earlier version, in the words of the answer. */
export function willNotUndo(
  deployment: Deployment,
  goal: Goal,
  { script, bindings }: { script: string; bindings: BindingReturn | undefined },
): string[] {
  if (goal.version === null && deployment.snapshot?.scriptExists === false) {
    return [`${script} did not exist before: it is removed, and the data of its Durable Objects with it`]
  }
  return [
    'Data in Durable Objects stays as the app left it',
    'Data that the app wrote elsewhere (KV, R2, D1, queues, other services) stays as it is',
    ...(bindings === undefined ? [unknownBindings] : returnLines(bindings)),
  ]
}

const unknownBindings =
  'Secrets and variables return to those of the earlier version; which ones change could not be read'
