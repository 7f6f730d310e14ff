import type { Zone, ZoneApi, ZoneRecord } from '../cloudflare/zones-api.ts'
import { type Hostname, parseHostname } from './parse.ts'

/** The present state of a host name in the cloud. */
export interface HostnameState extends Hostname {
  zone: Zone | undefined
  /** The Worker that the host name is routed to, and the id of the route or custom domain. */
  leadsTo: { script: string; id: string } | undefined
  records: ZoneRecord[]
}

export interface ZoneAccess {
  zones: ZoneApi
  signal: AbortSignal
}

export async function inspectHostname({ zones, signal }: ZoneAccess, text: string): Promise<HostnameState> {
  const hostname = parseHostname(text)
  const zone = await zones.zoneOf(hostname.host, signal)
  if (zone === undefined) return { ...hostname, zone, leadsTo: undefined, records: [] }
  const [leadsTo, records] = await Promise.all([
    hostname.kind === 'domain' ? domainOf(zones, text, signal) : routeOf(zones, { zone, text }, signal),
    zones.records(zone.id, hostname.host, signal),
  ])
  return { ...hostname, zone, leadsTo, records: records.filter(({ type }) => addressTypes.has(type)) }
}

const addressTypes = new Set(['A', 'AAAA', 'CNAME'])

async function domainOf(zones: ZoneApi, hostname: string, signal: AbortSignal) {
  const domain = await zones.domain(hostname, signal)
  return domain && { script: domain.service, id: domain.id }
}

async function routeOf(zones: ZoneApi, query: { zone: Zone; text: string }, signal: AbortSignal) {
  const route = (await zones.routes(query.zone.id, signal)).find(({ pattern }) => pattern === query.text)
  return route?.script === undefined ? undefined : { script: route.script, id: route.id }
}

/** The reason why a host name is not available: a missing zone, or a conflict with other records. */
export function obstacleOf(
  state: HostnameState,
  script: string,
): { kind: 'dependency' | 'conflict'; problem: string } | undefined {
  const { text, zone, leadsTo, records } = state
  if (zone === undefined)
    return { kind: 'dependency', problem: `${text}: the account has no zone for this host name` }
  if (zone.status !== undefined && zone.status !== 'active')
    return { kind: 'dependency', problem: `${text}: the zone ${zone.name} is ${zone.status}, not active` }
  if (leadsTo !== undefined && leadsTo.script !== script)
    return { kind: 'conflict', problem: `${text}: is routed to the Worker ${leadsTo.script}` }
  if (state.kind === 'domain' && leadsTo === undefined && records.length > 0)
    return { kind: 'conflict', problem: `${text}: already has DNS records (${records[0]?.type})` }
  return undefined
}
