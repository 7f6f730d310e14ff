import type { Zone, ZoneApi, ZoneRecord } from '../cloudflare/zones-api.ts'
import { type Hostname, parseHostname } from './parse.ts'

/** A host name as it is in the cloud now. */
export interface SeenHostname extends Hostname {
  zone: Zone | undefined
  /** The Worker that it leads to, and the id of what leads there. */
  leadsTo: { script: string; id: string } | undefined
  records: ZoneRecord[]
}

export interface LookOptions {
  zones: ZoneApi
  signal: AbortSignal
}

export async function lookAtHostname({ zones, signal }: LookOptions, text: string): Promise<SeenHostname> {
  const hostname = parseHostname(text)
  const zone = await zones.zoneOf(hostname.host, signal)
  if (zone === undefined) return { ...hostname, zone, leadsTo: undefined, records: [] }
  const [leadsTo, records] = await Promise.all([
    hostname.kind === 'domain' ? domainOf(zones, text, signal) : routeOf(zones, { zone, text }, signal),
    zones.records(zone.id, hostname.host, signal),
  ])
  return { ...hostname, zone, leadsTo, records: records.filter(({ type }) => addresses.has(type)) }
}

const addresses = new Set(['A', 'AAAA', 'CNAME'])

async function domainOf(zones: ZoneApi, hostname: string, signal: AbortSignal) {
  const domain = await zones.domain(hostname, signal)
  return domain && { script: domain.service, id: domain.id }
}

async function routeOf(zones: ZoneApi, about: { zone: Zone; text: string }, signal: AbortSignal) {
  const route = (await zones.routes(about.zone.id, signal)).find(({ pattern }) => pattern === about.text)
  return route?.script === undefined ? undefined : { script: route.script, id: route.id }
}

/** Why a host name can't be had: something to mend, or somebody else's; undefined when it can. */
export function obstacleOf(
  seen: SeenHostname,
  script: string,
): { kind: 'dependency' | 'conflict'; problem: string } | undefined {
  const { text, zone, leadsTo, records } = seen
  if (zone === undefined)
    return { kind: 'dependency', problem: `${text}: the account has no zone for this host name` }
  if (zone.status !== undefined && zone.status !== 'active')
    return { kind: 'dependency', problem: `${text}: the zone ${zone.name} is ${zone.status}, not active` }
  if (leadsTo !== undefined && leadsTo.script !== script)
    return { kind: 'conflict', problem: `${text}: is routed to the Worker ${leadsTo.script}` }
  if (seen.kind === 'domain' && leadsTo === undefined && records.length > 0)
    return { kind: 'conflict', problem: `${text}: already has DNS records (${records[0]?.type})` }
  return undefined
}
