import { type CodedError, conflict } from '../../../platform/errors.ts'
import type { AppState, Basis } from '../../model/app-state.ts'
import type { PlanHead } from '../../model/plan.ts'
import type { Target } from '../../targets/targets.ts'
import { changesBetween, sameTraffic } from './compare.ts'
import { readVersions } from './state.ts'

const suggestedAction = 'Prepare again and review the changes of the new plan'

/** The refusal of a plan whose app is not what the plan was made for. */
export const stale = (changes: string[]): CodedError =>
  conflict(
    `The app has changed since the plan was made: ${changes.join('; ')}`,
    { changes },
    { retryable: false, suggestedAction },
  )

interface ChangeQuery {
  target: Target
  signal: AbortSignal
  /** Our record of a deployment to the same target. */
  recordOf(deploymentId: string): Promise<{ finishedAt: Date | null } | undefined>
}

/**
 * Whether what serves was sent by a deployment that had ended before the plan was made, and has not gone on since: that
 * is no change by anybody, and the new version takes its place.
 */
async function isLateArrival(
  { config, basis }: { config: PlanHead['config']; basis: Basis },
  now: Pick<AppState, 'traffic' | 'trafficMessage'>,
  { target, signal, recordOf }: ChangeQuery,
): Promise<boolean> {
  const [only, other] = now.traffic
  if (only === undefined || other !== undefined) return false
  const versions = await target.cloud.versions(config.script, signal)
  const tag = versions.find(({ id }) => id === only.versionId)?.tag
  for (const sender of [now.trafficMessage, tag]) {
    const ended = sender === undefined ? undefined : basis.ended[sender]
    if (sender === undefined || ended === undefined) continue
    if ((await recordOf(sender))?.finishedAt?.toISOString() === ended) return true
  }
  return false
}

/**
 * What has changed of a plan's app since the plan was made, in words.
 * @param now read without what the versions consist of; that is read where other versions serve.
 */
export async function changesSincePlan(
  plan: Pick<PlanHead, 'config' | 'basis'>,
  now: AppState,
  about: ChangeQuery,
): Promise<string[]> {
  const { config, basis } = plan
  const { target, signal } = about
  if (basis === null) return []
  const others = now.exists && basis.exists && !sameTraffic(basis.traffic, now.traffic)
  if (others && (await isLateArrival({ config, basis }, now, about))) {
    return changesBetween(basis, { ...now, traffic: basis.traffic }, config.script)
  }
  const versions = others ? await readVersions({ target, config, signal }, now.traffic) : {}
  return changesBetween(basis, { ...now, ...versions }, config.script)
}
