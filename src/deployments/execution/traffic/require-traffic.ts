import type { WorkerDeployment } from '../../cloudflare/workers-api.ts'
import { sameTraffic, stale } from '../../plans/current-state/index.ts'
import type { StepContext } from '../steps/context.ts'
import { refuseChanged } from '../worker-version/unchanged.ts'

/**
 * Checks, right before the traffic changes, that it is as in the plan's starting point or as this deployment has set it.
 * @param own the versions of this deployment
 * @throws STATE_001 if the traffic was changed outside this deployment
 */
export async function requireTraffic(
  context: StepContext,
  { serving, own }: { serving: WorkerDeployment | undefined; own: string[] },
): Promise<void> {
  const { deployment, plan } = context
  const { basis } = plan
  const traffic = serving?.versions ?? []
  const { message } = serving ?? {}
  const isOwn = message === deployment.id || traffic.every(({ versionId }) => own.includes(versionId))
  if (basis === null || isOwn) return
  const raisedTo = deployment.traffic?.percentage ?? 0
  if (raisedTo > 0 && sameTraffic(traffic, basis.traffic)) {
    throw stale([`the new version, which had ${raisedTo} % of the traffic, has none`])
  }
  const given = message === undefined ? {} : { trafficMessage: message }
  // Everything else was checked before the upload, and this call does not change it.
  await refuseChanged(context, { ...basis, exists: true, traffic, ...given })
}
