import type { ErrorCode } from '../../platform/error-codes.ts'
import { CodedError, dependencyFailed, unavailable } from '../../platform/errors.ts'
import { toCodedError } from '../cloudflare/errors.ts'
import { type WorkerVersion, withTraffic } from '../cloudflare/workers-api.ts'
import type { Environment } from '../config.ts'
import type { TrafficShare } from '../model/app-state.ts'
import { scriptName } from '../model/plan.ts'
import type { Target, Targets } from '../targets/targets.ts'

/** Time limit for reading the cloud within one request, in milliseconds. */
export const cloudReadTimeoutMs = 5000

/** The state of an app's Worker in the cloud. */
export interface Serving {
  /** False if the Worker is not in the account. */
  exists: boolean
  /** The tag of the last Durable Object migration. */
  migrationTag: string | null
  /** The serving versions with their shares, without those at 0 %; empty if none serves. */
  traffic: TrafficShare[]
  /** The versions that can serve again, newest first; the cloud offers the newest 100 of a Worker. */
  offered: WorkerVersion[]
  /** Ids of all versions in the listed traffic changes. */
  served: Set<string>
}

/** The state of the Worker, or the reason why it could not be read. */
export type ServingAnswer = { known: true; serving: Serving } | { known: false; error: CodedError }

/**
 * Reads from the cloud which versions of an app serve. Capstan's own rows are not enough: wrangler, the dashboard and a
 * changed secret make versions, too.
 * @param signal ends the wait; the answer is then unknown
 */
export async function readServing(
  targets: Targets,
  { app, environment }: { app: string; environment: Environment },
  signal: AbortSignal,
): Promise<ServingAnswer> {
  const script = scriptName(app, environment)
  let target: Target | undefined
  try {
    target = await targets.of(environment)
    const { cloud } = target
    const [scripts, deployments, offered] = await Promise.all([
      cloud.scripts(signal),
      cloud.deployments(script, signal),
      cloud.versions(script, signal),
    ])
    const listed = scripts.find(({ id }) => id === script)
    const serving: Serving = {
      exists: listed !== undefined,
      migrationTag: listed?.migrationTag ?? null,
      traffic: withTraffic(deployments[0]?.versions ?? []),
      offered,
      served: new Set(deployments.flatMap(({ versions }) => versions.map(({ versionId }) => versionId))),
    }
    return { known: true, serving }
  } catch (error) {
    return { known: false, error: unknownServing(error, { kind: target?.kind, late: signal.aborted }) }
  }
}

const transientCodes = new Set<ErrorCode>(['SYS_002', 'SYS_003', 'SYS_004', 'AUTH_005'])

function unknownServing(
  error: unknown,
  { kind, late }: { kind: Target['kind'] | undefined; late: boolean },
): CodedError {
  const cloud = kind === 'local' ? 'The local cloud' : 'Cloudflare'
  const coded = toCodedError(error, { verified: true })
  const reason = late
    ? `no answer within ${cloudReadTimeoutMs / 1000} s`
    : coded instanceof CodedError
      ? coded.message
      : 'its answer was not understood'
  const message = `${cloud} could not be asked which version serves: ${reason}`
  if (late || (coded instanceof CodedError && transientCodes.has(coded.code))) {
    return unavailable(message, { retryAfter: 5, cause: error })
  }
  return dependencyFailed(message, { cause: error })
}

/** True if one version has all traffic. */
export const hasAllTraffic = ({ traffic }: Serving, versionId: string | null): boolean =>
  traffic.length === 1 && traffic[0]?.versionId === versionId

/** True if the cloud can still send traffic to the version. */
export const isOffered = ({ offered, traffic }: Serving, versionId: string | null): boolean =>
  offered.some(({ id }) => id === versionId) || traffic.some((share) => share.versionId === versionId)

/**
 * The version whose code a version has. A changed secret makes a version with the code of the one before it.
 * @returns the version itself if no secret change made it, or if the cloud no longer lists an earlier one
 */
export function codeVersionOf({ offered }: Serving, versionId: string): string {
  const version = offered.find(({ id }) => id === versionId)
  if (version === undefined) return versionId
  const source = offered
    .filter(({ number, secretChange }) => number <= version.number && !secretChange)
    .reduce<typeof version | undefined>(
      (last, each) => (last && last.number > each.number ? last : each),
      undefined,
    )
  return source?.id ?? versionId
}
