import { CodedError } from '../../platform/errors.ts'
import type { PlanHead } from '../plan.ts'
import type { Target } from '../target.ts'
import { changesBetween, sameTraffic } from './compare.ts'
import { type AppState, readVersions } from './state.ts'

const suggestedAction = 'Prepare again, and look at what the new plan changes'

/** The refusal of a plan whose app is not what the plan was made for. */
export const stale = (changes: string[]): CodedError =>
  new CodedError('STATE_001', `The app has changed since the plan was made: ${changes.join('; ')}`, {
    details: { changes },
    retryable: false,
    suggestedAction,
  })

/**
 * What has changed of a plan's app since the plan was made, in words.
 * @param now read without what the versions consist of; that is read where other versions serve.
 */
export async function changesSincePlan(
  plan: Pick<PlanHead, 'config' | 'basis'>,
  now: AppState,
  { target, signal }: { target: Target; signal: AbortSignal },
): Promise<string[]> {
  const { config, basis } = plan
  if (basis === null) return []
  const others = now.exists && basis.exists && !sameTraffic(basis.traffic, now.traffic)
  const versions = others ? await readVersions({ target, config, signal }, now.traffic) : {}
  return changesBetween(basis, { ...now, ...versions }, config.script)
}
