import { pause } from '../../platform/deadline.ts'
import { CloudError } from '../cloudflare-errors.ts'
import { waitForUpload } from '../in-flight.ts'
import type { Undone } from '../store/index.ts'
import type { Compensation, CompensationContext } from './context.ts'

/**
 * Undoes step 5: the version that is wanted serves, or the script that this deployment created is gone. Data is never
 * touched, but that of classes which this very deployment created goes with its script.
 */
export const versionBack: Compensation = {
  async obstacle(context) {
    const script = await findScript(context)
    if (script === undefined || createdIt(context)) return undefined
    const { goal } = context
    if (goal.version === null || (script.migrationTag ?? null) === goal.migrationTag) return undefined
    return `the Durable Object classes have changed since version ${goal.version} (migration ${script.migrationTag ?? 'none'}), and the cloud does not go back over that`
  },

  async undo(context) {
    const { deployment, plan, target, goal, signal, log } = context
    const { script } = plan.config
    const exists = (await findScript(context)) !== undefined
    const versions = exists ? await target.cloud.versions(script, signal) : []
    const own = versions.some((version) => version.tag === deployment.id)
    if (!own && deployment.versionId === null) waitForUpload(deployment, target.settleMs)
    if (!exists) {
      await outlast(context)
      log.info('Nothing to undo: the script does not exist')
      return { note: 'the script does not exist', restored: null }
    }
    if (createdIt(context)) return removeOwn(context, versions)
    if (goal.version === null) {
      log.warn('No single version served before this deployment; traffic is left as it is')
      return { note: 'no single version served before' }
    }
    return restore(context, goal.version)
  },
}

/** The script is this deployment's, and nothing else is wanted of it. */
const createdIt = ({ deployment, goal }: CompensationContext) =>
  deployment.snapshot?.scriptExists === false && goal.version === null

async function findScript({ plan, target, signal }: CompensationContext) {
  return (await target.cloud.scripts(signal)).find((each) => each.id === plan.config.script)
}

/** Deletes a script that did not exist before, unless somebody else has uploaded to it meanwhile. */
async function removeOwn(
  context: CompensationContext,
  versions: { tag: string | undefined }[],
): Promise<Undone> {
  const { deployment, plan, target, signal, log } = context
  const { script } = plan.config
  if (versions.some((version) => version.tag !== deployment.id)) {
    log.warn(`${script} has versions of others by now; it is left as it is`)
    return { note: 'the script has versions of others' }
  }
  await target.cloud.deleteScript(script, signal)
  await outlast(context)
  log.info(`${script} did not exist before this deployment; it is removed`)
  return { note: 'the script is removed', dataGone: true, restored: null }
}

/** A deletion of an earlier run that arrives late must find the app still held, and nothing new in its place. */
async function outlast({ again, target, signal }: CompensationContext): Promise<void> {
  if (again) await pause(target.settleMs, signal)
}

async function restore(context: CompensationContext, versionId: string): Promise<Undone> {
  const { deployment, plan, target, goal, signal, log } = context
  const { cloud } = target
  const { script } = plan.config
  const [serving] = await cloud.deployments(script, signal)
  const [only] = serving?.versions ?? []
  if (serving?.versions.length === 1 && only?.versionId === versionId) {
    log.info(`Version ${versionId} serves`)
    return { note: 'the version serves', restored: versionId }
  }
  const versions = await cloud.versions(script, signal)
  const others = versions.find((version) => version.id === only?.versionId)?.tag !== deployment.id
  if (others && !goal.byHand) {
    log.warn(`${script} is served by a version of others by now; it is left as it is`)
    return { note: 'a version of others serves' }
  }
  await serve(context, versionId)
  log.info(`Version ${versionId} serves again`)
  return { note: 'the version serves again', restored: versionId }
}

async function serve({ deployment, plan, target, signal }: CompensationContext, versionId: string) {
  const deploy = { versionId, message: `rollback of ${deployment.id}` }
  try {
    await target.cloud.deployVersion(plan.config.script, deploy, signal)
  } catch (error) {
    // Secrets changed since that version; going back to it means its own secrets, which is what a rollback wants.
    if (!(error instanceof CloudError) || error.code !== 10220) throw error
    await target.cloud.deployVersion(plan.config.script, { ...deploy, force: true }, signal)
  }
}
