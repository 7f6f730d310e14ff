import { parseHostname } from '../hostnames/parse.ts'
import type { AppState } from '../model/app-state.ts'
import type { PlanConfig, Publication } from '../model/plan.ts'
import type { Address, Target } from './targets.ts'

interface AddressQuery {
  config: Pick<PlanConfig, 'script' | 'hostnames' | 'healthCheck'>
  signal: AbortSignal
}

/** The address for the health check of an app in its present state, see `addressAt`. */
export async function addressOf(target: Target, query: AddressQuery): Promise<Address | undefined> {
  const { enabled } = await target.cloud.scriptSubdomain(query.config.script, query.signal)
  return addressAt(target, query, enabled)
}

/** The address for the health check of a plan that is not deployed yet. */
export function plannedAddress(
  target: Target,
  query: AddressQuery & { publication: Publication; basis: Pick<AppState, 'workersDev'> },
): Promise<Address | undefined> {
  return addressAt(target, query, query.publication.workersDev ?? query.basis.workersDev)
}

/**
 * A public address that serves the path of the health check: workers.dev if that is enabled, otherwise a host name of
 * the app, with those of the plan first.
 * @returns undefined if there is none
 */
async function addressAt(
  target: Target,
  { config, signal }: AddressQuery,
  enabled: boolean,
): Promise<Address | undefined> {
  const { script, hostnames = [] } = config
  const { path } = config.healthCheck
  const base = enabled ? target.urlOf(script, await target.cloud.subdomain(signal)) : undefined
  if (base !== undefined) return { base, url: `${base}${path}` }
  const planned = hostnames.flatMap((text) => hostServing(text, path) ?? [])
  const [host] = planned.length > 0 ? planned : await target.zones.domainsOf(script, signal)
  return host === undefined ? undefined : target.addressOf(host, path)
}

/** The host of a plan's entry if it receives requests for the path; undefined otherwise, and for wildcards. */
function hostServing(text: string, path: string): string | undefined {
  const { kind, host } = parseHostname(text)
  if (kind === 'domain') return host
  if (host.startsWith('*.')) return undefined
  const pattern = text.slice(host.length)
  const matches = pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern
  return matches ? host : undefined
}
