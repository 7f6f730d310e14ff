import type { Environment } from '../platform/config/index.ts'
import { scriptName } from './plan.ts'
import type { Target, Targets } from './target.ts'

/** The address where an app answers; null when it can't be told. */
export type Addresses = (app: string, environment: Environment) => Promise<string | null>

/** Addresses hang on the account's workers.dev name, which is asked for once an environment. */
export function createAddresses(targets: Targets): Addresses {
  const subdomains = new Map<Target, Promise<string | undefined>>()
  return async (app, environment) => {
    try {
      const target = await targets.of(environment)
      const script = scriptName(app, environment)
      if (target.kind === 'local') return target.urlOf(script, undefined) ?? null
      const asked = subdomains.get(target) ?? target.cloud.subdomain(AbortSignal.timeout(3000))
      subdomains.set(target, asked)
      return target.urlOf(script, await asked) ?? null
    } catch {
      // An address is a courtesy; an unreachable cloud must not fail a status. The next request asks again.
      subdomains.clear()
      return null
    }
  }
}
