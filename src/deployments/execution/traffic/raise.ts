import { allTo } from '../../cloudflare/workers-api.ts'
import type { TrafficShare } from '../../model/app-state.ts'
import { unhealthy } from '../../model/errors.ts'
import type { DeployOptions } from '../../model/schema.ts'
import type { TrafficProgress } from '../../store/index.ts'
import type { Verdict } from '../health/await-health.ts'
import { showWorkerLog } from '../health/worker-log.ts'
import type { StepContext, StepResult } from '../steps/context.ts'
import type { Candidate } from './candidate.ts'
import { checkVersion } from './version-check.ts'

/** The pause between two checks of a version that has a part of the traffic. */
const monitorMs = 10_000
/** The time limit of such a check. */
const checkMs = 30_000

interface Raise {
  candidate: Candidate
  progress: TrafficProgress
  /** Undefined to give all traffic at once. */
  steps: DeployOptions['traffic']
}

/**
 * Raises the traffic of the new version by one step, or checks the version at its present step. The state is in the
 * deployment's row, and the job is run again later, so that no worker waits between the steps.
 * @throws DEPLOY_006 at the first failed check
 */
export async function raiseTraffic(
  context: StepContext,
  { candidate, progress, steps: chosen }: Raise,
): Promise<Pick<StepResult, 'againInMs'>> {
  const { target, log } = context
  const { versionId } = candidate
  const { steps, everySeconds } = chosen ?? { steps: [100], everySeconds: 0 }
  const { percentage } = progress
  if (percentage > 0) {
    const since = await reach(context, { candidate, progress, percentage })
    if (percentage === 100) return {}
    await monitor(context, candidate, percentage)
    const left = since.getTime() + everySeconds * 1000 - target.now().getTime()
    if (left > 0) return { againInMs: Math.min(left, monitorMs) }
  }
  const [next = 100, after] = steps.filter((step) => step > percentage)
  await reach(context, { candidate, progress, percentage: next })
  if (after === undefined) return {}
  log.info(`Version ${versionId} has ${next} % of the traffic; ${after} % in ${everySeconds} s`)
  return { againInMs: Math.min(everySeconds * 1000, monitorMs) }
}

/** Gives the share to the new version, unless it has it. @returns the time since when it has it */
async function reach(
  { deployment, plan, target, signal, remember }: StepContext,
  { candidate, progress, percentage }: Omit<Raise, 'steps'> & { percentage: number },
): Promise<Date> {
  const hasShare = candidate.share === percentage
  if (progress.percentage === percentage && progress.since !== null && hasShare) {
    return new Date(progress.since)
  }
  const reached = { ...progress, percentage }
  // Recorded before the call: a run after a crash continues with this step, and never lowers the share.
  await remember({ traffic: { ...reached, since: null } })
  if (!hasShare) {
    const traffic = sharesOf(candidate, percentage)
    await target.cloud.deploy(plan.config.script, { traffic, message: deployment.id }, signal)
  }
  const since = target.now()
  await remember({ traffic: { ...reached, since: since.toISOString() } })
  return since
}

function sharesOf({ stable, versionId }: Candidate, percentage: number): TrafficShare[] {
  if (percentage === 100) return allTo(versionId)
  return [
    { versionId: stable, percentage: 100 - percentage },
    { versionId, percentage },
  ]
}

/** Checks the version beside the users' requests. A wrong answer of this version fails at once. */
async function monitor(
  context: StepContext,
  { address, versionId }: Candidate,
  percentage: number,
): Promise<void> {
  const { path, timeoutSeconds } = context.plan.config.healthCheck
  const startedAt = Date.now()
  const timeoutMs = Math.min(timeoutSeconds * 1000, checkMs)
  const isFinal = ({ problem, proven }: Verdict) => proven && problem !== undefined
  const result = await checkVersion(context, { address, versionId, timeoutMs, isFinal })
  if (result.healthy) return
  await showWorkerLog(context, startedAt)
  throw unhealthy(`${path} failed at ${percentage} % of the traffic: ${result.problem}`, { retryable: false })
}
