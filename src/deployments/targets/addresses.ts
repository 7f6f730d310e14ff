import type { Knex } from 'knex'
import type { Environment } from '../config.ts'
import { scriptName } from '../model/plan.ts'
import { findAddress } from '../store/index.ts'
import type { Target, Targets } from './targets.ts'

/** Finds the public address of an app; null if it is unknown. */
export type Addresses = (app: string, environment: Environment) => Promise<string | null>

/**
 * The address from the last health check of an app, or the workers.dev address before the first one. The account's
 * workers.dev subdomain is read once per environment.
 */
export function createAddresses(db: Knex, targets: Targets): Addresses {
  const subdomains = new Map<Target, Promise<string | undefined>>()
  return async (app, environment) => {
    const found = await findAddress(db, app, environment)
    if (found !== undefined) return found === '' ? null : found
    // The address is optional: a missing configuration or an unreachable cloud must not fail a status request.
    const target = await targets.of(environment).catch(() => undefined)
    if (target === undefined) return null
    const script = scriptName(app, environment)
    if (target.kind === 'local') return target.urlOf(script, undefined) ?? null
    const subdomain = subdomains.get(target) ?? target.cloud.subdomain(AbortSignal.timeout(3000))
    subdomains.set(target, subdomain)
    try {
      return target.urlOf(script, await subdomain) ?? null
    } catch {
      // The next request tries again.
      subdomains.delete(target)
      return null
    }
  }
}
