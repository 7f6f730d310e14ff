import type { Cloudflare } from './cloudflare.ts'
import { CloudError } from './cloudflare-errors.ts'
import type { StepLog } from './logs.ts'
import type { Deployment } from './store.ts'

const dataKept = 'data in Durable Objects is as the app left it'

/**
 * Puts the cloud back to the snapshot, newest change first; each part reads, compares and only then acts, so it can
 * be run again. Data is never touched, but that of classes which this very deployment created goes with its script.
 * @returns what became of the data, for the log
 */
export async function undo(about: {
  deployment: Deployment
  script: string
  cloud: Cloudflare
  signal: AbortSignal
  log: StepLog
}): Promise<string> {
  const { deployment, script, cloud, signal, log } = about
  const { snapshot } = deployment
  if (snapshot === null) return dataKept
  const scripts = await cloud.scripts(signal)
  if (!scripts.some((each) => each.id === script)) {
    log.info('Nothing to undo: the script does not exist')
    return dataKept
  }
  if (!snapshot.scriptExists) {
    return (await removeOwn(about)) ? 'the script and the data of its Durable Objects are gone' : dataKept
  }
  const { enabled } = await cloud.scriptSubdomain(script, signal)
  if (enabled !== snapshot.subdomainEnabled) {
    await cloud.setScriptSubdomain(script, snapshot.subdomainEnabled, signal)
    log.info('The workers.dev address is as it was')
  }
  await restoreVersion(about, snapshot.servingVersion)
  return dataKept
}

/** Deletes a script that did not exist before, unless somebody else has uploaded to it meanwhile. */
async function removeOwn(about: Parameters<typeof undo>[0]): Promise<boolean> {
  const { deployment, script, cloud, signal, log } = about
  const versions = await cloud.versions(script, signal)
  if (versions.some((version) => version.tag !== deployment.id)) {
    log.warn(`${script} has versions of others by now; it is left as it is`)
    return false
  }
  await cloud.deleteScript(script, signal)
  log.info(`${script} did not exist before this deployment; it is removed`)
  return true
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
  const versions = await cloud.versions(script, signal)
  if (versions.find((version) => version.id === only?.versionId)?.tag !== deployment.id) {
    log.warn(`${script} is served by a version of others by now; it is left as it is`)
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
