import { withTraffic } from '../../cloudflare/workers-api.ts'
import type { TrafficShare } from '../../model/app-state.ts'
import { addressOf } from '../../targets/public-address.ts'
import type { Address } from '../../targets/targets.ts'
import { answersRequests } from '../health/answers-requests.ts'
import type { StepContext } from '../steps/context.ts'

/** A new version beside the version that serves. */
export interface Candidate {
  /** The version that has all other traffic. */
  stable: string
  versionId: string
  /** The present address of the app. */
  address: Address
  /** The present share of the new version in percent; undefined if it is not deployed at all. */
  share: number | undefined
}

/** The new version with the one beside it; undefined if it cannot be checked before it has traffic. */
export async function findCandidate(
  context: StepContext,
  { present, versionId }: { present: TrafficShare[]; versionId: string },
): Promise<Candidate | undefined> {
  const { deployment, plan, target, signal, log } = context
  if (plan.preview.checkBeforeTraffic?.possible !== true) return undefined
  const others = withTraffic(present).filter((each) => each.versionId !== versionId)
  const [only, second] = others
  if (only === undefined || second !== undefined) return undefined
  // The plan's new host names do not lead to the app yet.
  const config = { ...plan.config, hostnames: deployment.snapshot?.hostnames ?? [] }
  const address = await addressOf(target, { config, signal })
  if (address === undefined) return undefined
  if (!(await answersRequests(context, versionId))) {
    log.info('Not checked at 0 % of the traffic: the version has no handler for requests (fetch)')
    return undefined
  }
  const share = present.find((each) => each.versionId === versionId)?.percentage
  return { stable: only.versionId, versionId, address, share }
}
