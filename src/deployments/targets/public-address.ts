import { parseHostname } from '../hostnames/parse.ts'
import type { AppState } from '../model/app-state.ts'
import type { PlanConfig, Publication } from '../model/plan.ts'
import type { Address, Target } from './targets.ts'

interface AddressQuery {
  config: Pick<PlanConfig, 'script' | 'hostnames' | 'healthCheck'>
  signal: AbortSignal
}

/** Where the health check asks an app as it is now, see `addressAt`. */
export async function addressOf(target: Target, query: AddressQuery): Promise<Address | undefined> {
  const { enabled } = await target.cloud.scriptSubdomain(query.config.script, query.signal)
  return addressAt(target, query, enabled)
}

/** The same for a plan that is not carried out yet. */
export function plannedAddress(
  target: Target,
  query: AddressQuery & { publication: Publication; basis: Pick<AppState, 'workersDev'> },
): Promise<Address | undefined> {
  return addressAt(target, query, query.publication.workersDev ?? query.basis.workersDev)
}

/**
 * An address at which an app answers the path of its health check: workers.dev where that is enabled, else a host name
 * that leads to the app, those of the plan first.
 * @returns undefined when there is none.
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
  const planned = hostnames.flatMap((text) => hostAnswering(text, path) ?? [])
  const [host] = planned.length > 0 ? planned : await target.zones.domainsOf(script, signal)
  return host === undefined ? undefined : target.addressOf(host, path)
}

/** The host at which a host name or route of a plan gets requests for a path; undefined when it gets none, or any host's. */
function hostAnswering(text: string, path: string): string | undefined {
  const { kind, host } = parseHostname(text)
  if (kind === 'domain') return host
  if (host.startsWith('*.')) return undefined
  const pattern = text.slice(host.length)
  const matches = pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern
  return matches ? host : undefined
}
