import type { Cloudflare } from './cloudflare.ts'
import { CloudError } from './cloudflare-errors.ts'
import type { StepLog } from './logs.ts'
import type { Deployment } from './store.ts'

/**
 * Puts the cloud back to the snapshot, newest change first; each part reads, compares and only then acts, so it can
 * be run again. Data is never touched, but that of classes which this very deployment created goes with its script.
 */
export async function undo(about: {
  deployment: Deployment
  script: string
  cloud: Cloudflare
  signal: AbortSignal
  log: StepLog
}): Promise<void> {
  const { deployment, script, cloud, signal, log } = about
  const { snapshot } = deployment
  if (snapshot === null) return
  const scripts = await cloud.scripts(signal)
  if (!scripts.some((each) => each.id === script)) {
    log.info('Nothing to undo: the script does not exist')
    return
  }
  if (!snapshot.scriptExists) {
    await removeOwn(about)
    return
  }
  const { enabled } = await cloud.scriptSubdomain(script, signal)
  if (enabled !== snapshot.subdomainEnabled) {
    await cloud.setScriptSubdomain(script, snapshot.subdomainEnabled, signal)
    log.info('The workers.dev address is as it was')
  }
  await restoreVersion(about, snapshot.servingVersion)
}

/** Deletes a script that did not exist before, unless somebody else has uploaded to it meanwhile. */
async function removeOwn(about: Parameters<typeof undo>[0]): Promise<void> {
  const { deployment, script, cloud, signal, log } = about
  const versions = await cloud.versions(script, signal)
  if (versions.some((version) => version.tag !== deployment.id)) {
    log.warn(`${script} has versions of others by now; it is left as it is`)
    return
  }
  await cloud.deleteScript(script, signal)
  log.info(`${script} did not exist before this deployment; it is removed`)
}

async function restoreVersion(
  about: Parameters<typeof undo>[0],
  versionId: string | undefined,
): Promise<void> {
  const { deployment, script, cloud, signal, log } = about
  if (versionId === undefined) {
    log.warn('No single version served before this deployment; traffic is left as it is')
    return
  }
  const [serving] = await cloud.deployments(script, signal)
  const [only] = serving?.versions ?? []
  if (serving?.versions.length === 1 && only?.versionId === versionId) {
    log.info(`Version ${versionId} serves`)
    return
  }
  const deploy = { versionId, message: `rollback of ${deployment.id}` }
  try {
    await cloud.deployVersion(script, deploy, signal)
  } catch (error) {
    // Secrets changed since that version; going back to it means its own secrets, which is what a rollback wants.
    if (!(error instanceof CloudError) || error.code !== 10220) throw error
    await cloud.deployVersion(script, { ...deploy, force: true }, signal)
  }
  log.info(`Version ${versionId} serves again`)
}
