import { type CodedError, conflict } from '../../../platform/errors.ts'
import type { AppState, Basis } from '../../model/app-state.ts'
import type { PlanHead } from '../../model/plan.ts'
import type { Target } from '../../targets/targets.ts'
import { changesBetween, sameTraffic } from './compare.ts'
import { readVersions } from './state.ts'

const suggestedAction = 'Prepare again and review the changes of the new plan'

/** The error for a plan whose app has changed since the plan was made. */
export const stale = (changes: string[]): CodedError =>
  conflict(
    `The app has changed since the plan was made: ${changes.join('; ')}`,
    { changes },
    { retryable: false, suggestedAction },
  )

interface ChangeQuery {
  target: Target
  signal: AbortSignal
  /** Finds the record of a deployment to the same target. */
  recordOf(deploymentId: string): Promise<{ finishedAt: Date | null } | undefined>
}

/**
 * True if the serving version comes from a late call of a deployment that ended before the plan was made and was not
 * continued since. That is no change of the app; the new version replaces it.
 */
async function isLateArrival(
  { config, basis }: { config: PlanHead['config']; basis: Basis },
  now: Pick<AppState, 'traffic' | 'trafficMessage'>,
  { target, signal, recordOf }: ChangeQuery,
): Promise<boolean> {
  const [only, other] = now.traffic
  if (only === undefined) return false
  const versions = await target.cloud.versions(config.script, signal)
  // If several versions share the traffic, only the change itself says who sent it.
  const tag = other === undefined ? versions.find(({ id }) => id === only.versionId)?.tag : undefined
  for (const sender of [now.trafficMessage, tag]) {
    const ended = sender === undefined ? undefined : basis.ended[sender]
    if (sender === undefined || ended === undefined) continue
    if ((await recordOf(sender))?.finishedAt?.toISOString() === ended) return true
  }
  return false
}

/**
 * Describes the changes of a plan's app since the plan was made.
 * @param now the present state without the content of versions, which is read only if other versions serve
 */
export async function changesSincePlan(
  plan: Pick<PlanHead, 'config' | 'basis'>,
  now: AppState,
  query: ChangeQuery,
): Promise<string[]> {
  const { config, basis } = plan
  const { target, signal } = query
  if (basis === null) return []
  const trafficChanged = now.exists && basis.exists && !sameTraffic(basis.traffic, now.traffic)
  if (trafficChanged && (await isLateArrival({ config, basis }, now, query))) {
    return changesBetween(basis, { ...now, traffic: basis.traffic }, config.script)
  }
  const versions = trafficChanged ? await readVersions({ target, config, signal }, now.traffic) : {}
  return changesBetween(basis, { ...now, ...versions }, config.script)
}
