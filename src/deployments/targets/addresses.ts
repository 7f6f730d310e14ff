import type { Knex } from 'knex'
import type { Environment } from '../config.ts'
import { scriptName } from '../model/plan.ts'
import { findAddress } from '../store/index.ts'
import type { Target, Targets } from './targets.ts'

/** The address where an app answers; null when it can't be told. */
export type Addresses = (app: string, environment: Environment) => Promise<string | null>

/**
 * Where the last health check found the app. Before the first one it is the app's workers.dev address, for which the
 * account's name there is asked for once an environment.
 */
export function createAddresses(db: Knex, targets: Targets): Addresses {
  const subdomains = new Map<Target, Promise<string | undefined>>()
  return async (app, environment) => {
    const found = await findAddress(db, app, environment)
    if (found !== undefined) return found === '' ? null : found
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
