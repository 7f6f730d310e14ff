import { CloudError } from '../cloudflare/errors.ts'
import type { Environment } from '../config.ts'
import type { Targets } from './targets.ts'

/** True if a rejected token is still active, and so only lacks the permission for the failed call. */
export async function isStillActive(
  targets: Targets,
  environment: Environment,
  failure: { error: unknown; signal: AbortSignal },
): Promise<boolean> {
  const { error, signal } = failure
  if (!(error instanceof CloudError) || error.code !== 10000) return false
  try {
    const { cloud } = await targets.of(environment)
    return (await cloud.verifyToken(signal)).status === 'active'
  } catch {
    return false
  }
}
