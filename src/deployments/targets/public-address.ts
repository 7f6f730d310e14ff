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
 * A public address that serves the path of the health check: the host that the plan names, otherwise workers.dev if that
 * is enabled, otherwise a host name of the app, with those of the plan first.
 * @returns undefined if there is none, or if the named host is not the app's
 */
async function addressAt(
  target: Target,
  { config, signal }: AddressQuery,
  enabled: boolean,
): Promise<Address | undefined> {
  const { script, hostnames = [], healthCheck } = config
  const { path, host: wanted } = healthCheck
  const base = enabled ? target.urlOf(script, await target.cloud.subdomain(signal)) : undefined
  const isWanted = base !== undefined && (wanted === undefined || new URL(base).hostname === wanted)
  if (isWanted) return { base, url: `${base}${path}` }
  const planned = hostnames.flatMap((text) => hostServing(text, path, wanted) ?? [])
  const isPlanned = wanted === undefined ? planned.length > 0 : planned.includes(wanted)
  const candidates = isPlanned ? planned : await target.zones.domainsOf(script, signal)
  const host = candidates.find((each) => wanted === undefined || each === wanted)
  return host === undefined ? undefined : target.addressOf(host, path)
}

/**
 * The host of a plan's entry if it receives requests for the path; undefined otherwise.
 * @param wanted the host that is to be found; a wildcard covers it, but offers no host by itself
 */
function hostServing(text: string, path: string, wanted: string | undefined): string | undefined {
  const { kind, host } = parseHostname(text)
  if (kind === 'domain') return host
  const pattern = text.slice(host.length)
  const matches = pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern
  if (!matches) return undefined
  if (!host.startsWith('*.')) return host
  return wanted?.endsWith(host.slice(1)) ? wanted : undefined
}
