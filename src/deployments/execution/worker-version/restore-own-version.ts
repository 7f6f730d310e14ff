import { allTo } from '../../cloudflare/workers-api.ts'
import { findLateArrival } from '../../late-writes/detect.ts'
import { sameTraffic } from '../../plans/current-state/index.ts'
import type { StepContext } from '../steps/context.ts'

/**
 * Restores this deployment's version if a late call has replaced it. A call that timed out, of this deployment or an
 * earlier one, may still arrive at Cloudflare. A version that was deployed outside Capstan stays.
 * @returns true if the version was restored
 */
export async function restoreOwnVersion(context: StepContext): Promise<boolean> {
  const { deployment, plan, target, signal, log } = context
  const { cloud } = target
  const { script } = plan.config
  const { versionId } = deployment
  const [serving] = await cloud.deployments(script, signal)
  if (versionId === null || sameTraffic(serving?.versions ?? [], allTo(versionId))) return false
  const versions = await cloud.versions(script, signal)
  const { recordOf } = context
  const late = await findLateArrival({ serving, versions, wanted: versionId, recordOf })
  if (late === undefined) {
    log.warn(`${script} serves a version that this deployment did not upload`)
    return false
  }
  log.warn(
    `The late duplicate ${late.versionId} replaced version ${versionId}; restoring version ${versionId}`,
  )
  await cloud.deploy(script, { traffic: allTo(versionId), message: deployment.id }, signal)
  return true
}
