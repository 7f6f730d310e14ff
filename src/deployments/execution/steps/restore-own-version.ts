import { allTo } from '../../cloudflare/workers-api.ts'
import { findLateArrival } from '../../late-writes/detect.ts'
import type { StepContext } from './context.ts'

/**
 * A call that was given up may arrive late, of this deployment or of an earlier one: then the version that this
 * deployment goes by is put back. A version of others is left in force.
 * @returns whether that was needed.
 */
export async function oustDuplicate(context: StepContext): Promise<boolean> {
  const { deployment, plan, target, signal, log } = context
  const { cloud } = target
  const { script } = plan.config
  const { versionId } = deployment
  const [serving] = await cloud.deployments(script, signal)
  const [only] = serving?.versions ?? []
  if (versionId === null || only?.versionId === versionId) return false
  const versions = await cloud.versions(script, signal)
  const { recordOf } = context
  const late = await findLateArrival({ serving, versions, wanted: versionId, recordOf })
  if (late === undefined) {
    log.warn(`${script} is served by a version that is not of this deployment`)
    return false
  }
  log.warn(`A late duplicate, version ${late.versionId}, serves; version ${versionId} is put back`)
  await cloud.deploy(script, { traffic: allTo(versionId), message: deployment.id }, signal)
  return true
}
