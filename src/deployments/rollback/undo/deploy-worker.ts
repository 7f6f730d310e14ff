import { CloudError } from '../../cloudflare/errors.ts'
import { type WorkerVersion, withTraffic } from '../../cloudflare/workers-api.ts'
import type { BindingReturn, TrafficShare } from '../../model/app-state.ts'
import { rollbackFault } from '../../model/errors.ts'
import { bindingReturn, readVersions, returnLines, sameTraffic } from '../../plans/current-state/index.ts'
import type { UndoResult } from '../../store/index.ts'
import { waitForUpload } from '../../targets/write-record.ts'
import type { Compensation, CompensationContext } from './context.ts'
import { undoScriptParts } from './triggers.ts'

/**
 * Undoes step 5: restores the version of the goal, or deletes the script if this deployment created it. Data stays
 * unchanged, except that of Durable Object classes which are deleted with such a script.
 */
export const undoDeployWorker: Compensation = {
  async obstacle(context) {
    const script = await findScript(context)
    if (script === undefined || createdScript(context)) return undefined
    const { goal } = context
    if (goal.traffic.length === 0 || (script.migrationTag ?? null) === goal.migrationTag) return undefined
    return `the Durable Object classes have changed since ${nameOf(goal)} (migration ${script.migrationTag ?? 'none'}), and the cloud does not go back over that`
  },

  async undo(context) {
    const { deployment, plan, target, signal, log } = context
    const { script } = plan.config
    const exists = (await findScript(context)) !== undefined
    const versions = exists ? await target.cloud.versions(script, signal) : []
    const own = versions.some((version) => version.tag === deployment.id)
    if (!own && deployment.versionId === null) waitForUpload(deployment, target)
    if (!exists) {
      log.info('Nothing to undo: the script does not exist')
      await undoScriptParts(context)
      return { note: 'the script does not exist', restored: null }
    }
    const result = createdScript(context) ? await removeScript(context, versions) : await restore(context)
    await undoScriptParts(context)
    return result
  },
}

/** True if this deployment created the script and no version of it has to be restored. */
const createdScript = ({ deployment, goal }: CompensationContext) =>
  deployment.snapshot?.scriptExists === false && goal.version === null

async function findScript({ plan, target, signal }: CompensationContext) {
  return (await target.cloud.scripts(signal)).find((each) => each.id === plan.config.script)
}

/** Deletes a script that did not exist before, unless it has versions that other tools uploaded. */
async function removeScript(
  context: CompensationContext,
  versions: { tag: string | undefined }[],
): Promise<UndoResult> {
  const { deployment, plan, target, signal, log } = context
  const { script } = plan.config
  if (versions.some((version) => version.tag !== deployment.id)) {
    throw nothingUndone(`${script} has versions that were made outside of this deployment`)
  }
  await target.cloud.deleteScript(script, signal)
  log.info(`${script} did not exist before this deployment; it is removed`)
  return { note: 'the script is removed', dataGone: true, restored: null }
}

async function restore(context: CompensationContext): Promise<UndoResult> {
  const { plan, target, goal, signal, log } = context
  const { cloud } = target
  const { script } = plan.config
  if (goal.traffic.length === 0) throw nothingUndone('No version served before this deployment')
  const restored = goal.version === null ? { shared: true } : { restored: goal.version }
  const [serving] = await cloud.deployments(script, signal)
  const now = serving?.versions ?? []
  if (sameTraffic(now, goal.traffic)) {
    log.info(`${sentence(goal.traffic)} already`)
    return { note: 'the version serves', ...restored }
  }
  const versions = await cloud.versions(script, signal)
  if (!isOwnTraffic(context, { now, versions }) && !goal.byHand)
    throw nothingUndone(`${script} is served by a version that was made outside of this deployment`)
  if (now.length > 0) log.info(`Replacing ${nameOf({ traffic: now })}`)
  const bindings = await serve(context, now)
  log.info(`${sentence(goal.traffic)} again`)
  return { note: 'the version serves again', ...restored, ...(bindings === undefined ? {} : { bindings }) }
}

/** True if a version of this deployment serves, alone or beside those that served before it. */
function isOwnTraffic(
  { deployment, goal }: CompensationContext,
  { now, versions }: { now: TrafficShare[]; versions: WorkerVersion[] },
): boolean {
  const isOwn = ({ versionId }: TrafficShare) =>
    versions.find(({ id }) => id === versionId)?.tag === deployment.id
  const isGoal = ({ versionId }: TrafficShare) => goal.traffic.some((each) => each.versionId === versionId)
  return now.some(isOwn) && now.every((share) => isOwn(share) || isGoal(share))
}

const sentence = (traffic: TrafficShare[]) => {
  const name = nameOf({ traffic })
  return `${name.charAt(0).toUpperCase()}${name.slice(1)} ${traffic.length === 1 ? 'serves' : 'serve'}`
}

const nameOf = ({ traffic }: { traffic: TrafficShare[] }) =>
  traffic.length === 1
    ? `version ${traffic[0]?.versionId}`
    : `the versions ${traffic.map(({ versionId, percentage }) => `${versionId} (${percentage} %)`).join(', ')}`

/** The error of a rollback that changed nothing: it must not be recorded as successful. */
const nothingUndone = (reason: string) =>
  rollbackFault(`${reason}: what serves is left as it is`, {
    retryable: false,
    suggestedAction: 'Roll back to a targetVersion, or deploy anew',
  })

/**
 * Gives the traffic to the versions of the goal. Each version has its own secrets and variables; the log names those
 * that return or disappear before the change.
 * @returns the effect on secrets and variables; undefined if it cannot be read, which must not prevent the rollback
 */
async function serve(context: CompensationContext, now: TrafficShare[]): Promise<BindingReturn | undefined> {
  const { deployment, plan, target, goal, signal, log } = context
  const { script } = plan.config
  const deploy = { traffic: goal.traffic, message: `rollback of ${deployment.id}` }
  const change = await readReturn(context, now)
  const reverting = change?.reverting ?? []
  const variables = reverting.filter(({ kind }) => kind !== 'secret')
  const certain = change && { ...change, reverting: variables }
  if (certain === undefined) log.warn('Secrets and variables return to those of the earlier version')
  else for (const line of returnLines(certain)) log.warn(line)
  await log.flush()
  try {
    await target.cloud.deploy(script, deploy, signal)
    // The cloud accepted the change without force, so no secret has a different value.
    return certain
  } catch (error) {
    // Code 10220: secrets have changed since that version. With force, the version returns with its own secrets.
    if (!(error instanceof CloudError) || error.code !== 10220) throw error
    const secrets = reverting.filter(({ kind }) => kind === 'secret')
    for (const line of returnLines({ ...nothing, reverting: secrets })) log.warn(line)
    await log.flush()
    await target.cloud.deploy(script, { ...deploy, force: true }, signal)
    return change
  }
}

const nothing: BindingReturn = { returning: [], disappearing: [], reverting: [] }

async function readReturn(
  { plan, target, goal, signal }: CompensationContext,
  now: TrafficShare[],
): Promise<BindingReturn | undefined> {
  const query = { target, config: plan.config, signal }
  // No request of a user reached a version at 0 %, so its secrets and variables were never in force.
  const served = withTraffic(now)
  try {
    const present = await readVersions(query, served)
    const earlier = await readVersions(query, goal.traffic)
    return bindingReturn(present.bindings, earlier.bindings)
  } catch {
    signal.throwIfAborted()
    return undefined
  }
}
