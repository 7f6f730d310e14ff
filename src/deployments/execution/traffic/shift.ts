import { conflict } from '../../../platform/errors.ts'
import { allTo } from '../../cloudflare/workers-api.ts'
import { unhealthy } from '../../model/errors.ts'
import { sameTraffic } from '../../plans/current-state/index.ts'
import type { TrafficProgress } from '../../store/index.ts'
import { showWorkerLog } from '../health/worker-log.ts'
import type { StepContext, StepResult } from '../steps/context.ts'
import { type Candidate, findCandidate } from './candidate.ts'
import { raiseTraffic } from './raise.ts'
import { requireTraffic } from './require-traffic.ts'
import { checkVersion } from './version-check.ts'

/**
 * Gives the traffic to an uploaded version. Where possible the version is first deployed at 0 % and checked there, so
 * that a broken version never answers a user. Each run reads what serves and continues from there.
 * @param own the versions with this deployment's mark
 */
export async function shiftTraffic(
  context: StepContext,
  { versionId, own }: { versionId: string; own: string[] },
): Promise<Pick<StepResult, 'againInMs'>> {
  const { deployment, plan, target, signal } = context
  const { cloud } = target
  const { script } = plan.config
  const [serving] = await cloud.deployments(script, signal)
  const present = serving?.versions ?? []
  if (sameTraffic(present, allTo(versionId))) return {}
  await requireTraffic(context, { serving, own: [versionId, ...own] })
  const candidate = await findCandidate(context, { present, versionId })
  const { traffic: steps } = deployment.options
  if (candidate === undefined) {
    if (steps !== undefined) throw notGradual()
    await cloud.deploy(script, { traffic: allTo(versionId), message: deployment.id }, signal)
    return {}
  }
  const { traffic } = deployment
  const hasPassed = traffic !== null && traffic.percentage > 0
  const progress = hasPassed ? traffic : await checkAtZero(context, candidate)
  return raiseTraffic(context, { candidate, progress, steps })
}

const notGradual = () =>
  conflict('The traffic cannot be raised in steps: the version cannot be checked at 0 % any more')

const adviceOnOverrides =
  'Check that the address leads to this Worker and not to a cache, a proxy or another Worker before it, or name another one (config.healthCheck.host). Where no address applies version overrides, deploy with config.healthCheck.beforeTraffic=false: the version is then checked after it has the traffic, and rolled back if it fails'

/** Deploys the version at 0 % and checks it there. @throws DEPLOY_006 if it does not become healthy */
async function checkAtZero(context: StepContext, candidate: Candidate): Promise<TrafficProgress> {
  const { deployment, plan, target, signal, log, remember } = context
  const { script, healthCheck } = plan.config
  const { stable, versionId, address, share } = candidate
  if (share === undefined) {
    const traffic = [...allTo(stable), { versionId, percentage: 0 }]
    await target.cloud.deploy(script, { traffic, message: deployment.id }, signal)
  }
  const record = async (check: TrafficProgress['check']) => {
    const traffic = { percentage: 0, since: target.now().toISOString(), check }
    await remember({ traffic })
    return traffic
  }
  await record('running')
  log.info(`Checking version ${versionId} at 0 % of the traffic; version ${stable} serves`)
  const startedAt = Date.now()
  const { timeoutSeconds, path } = healthCheck
  const result = await checkVersion(context, { address, versionId, timeoutMs: timeoutSeconds * 1000 })
  const url = `${address.base}${path}`
  if (!result.healthy) {
    await record('failed')
    await showWorkerLog(context, startedAt)
    const reason = `${path} did not become healthy at 0 % of the traffic within ${timeoutSeconds} s: ${result.problem}`
    throw unhealthy(`${reason}. No request of a user reached the new version`, {
      retryable: false,
      ...(result.isOverrideIgnored ? { suggestedAction: adviceOnOverrides } : {}),
    })
  }
  if (result.proven) log.info(`${url} answered ${result.answer} from version ${versionId}`)
  else
    log.warn(
      `${url} answered ${result.answer} for ten seconds; not proven that version ${versionId} answered`,
    )
  return record(result.proven ? 'proven' : 'not_proven')
}
