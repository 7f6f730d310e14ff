import type { Environment } from '../platform/config/index.ts'
import { scriptName } from './plan.ts'
import type { Target, Targets } from './target.ts'

/** The address where an app answers; null when it can't be told. */
export type Addresses = (app: string, environment: Environment) => Promise<string | null>

/** Addresses hang on the account's workers.dev name, which is asked for once an environment. */
export function createAddresses(targets: Targets): Addresses {
  const subdomains = new Map<Target, Promise<string | undefined>>()
  return async (app, environment) => {
    // An address is a courtesy; what is not configured, or can't be reached, must not fail a status.
    const target = await targets.of(environment).catch(() => undefined)
    if (target === undefined) return null
    const script = scriptName(app, environment)
    if (target.kind === 'local') return target.urlOf(script, undefined) ?? null
    const asked = subdomains.get(target) ?? target.cloud.subdomain(AbortSignal.timeout(3000))
    subdomains.set(target, asked)
    try {
      return target.urlOf(script, await asked) ?? null
    } catch {
      // The next request asks again.
      subdomains.delete(target)
      return null
    }
  }
}
