import { z } from 'zod'
import type { CloudHttp } from './http.ts'

export interface Zone {
  id: string
  name: string
  status: string | undefined
}

export interface ZoneRecord {
  id: string
  type: string
  name: string
  content: string | undefined
  comment: string | undefined
  proxied: boolean
}

/** The calls of Cloudflare's API for host names. */
export interface ZoneApi {
  /** The zone of a host; the longest matching name wins. */
  zoneOf(host: string, signal: AbortSignal): Promise<Zone | undefined>
  domain(hostname: string, signal: AbortSignal): Promise<{ id: string; service: string } | undefined>
  /** The custom domains of a Worker. */
  domainsOf(script: string, signal: AbortSignal): Promise<string[]>
  putDomain(domain: { hostname: string; service: string; zoneId: string }, signal: AbortSignal): Promise<void>
  deleteDomain(id: string, signal: AbortSignal): Promise<void>
  routes(
    zoneId: string,
    signal: AbortSignal,
  ): Promise<{ id: string; pattern: string; script?: string | undefined }[]>
  createRoute(zoneId: string, route: { pattern: string; script: string }, signal: AbortSignal): Promise<void>
  deleteRoute(zoneId: string, id: string, signal: AbortSignal): Promise<void>
  records(zoneId: string, name: string, signal: AbortSignal): Promise<ZoneRecord[]>
  /** Creates a proxied record without an origin: requests end at Cloudflare, where the route applies. */
  createRecord(zoneId: string, record: { name: string; comment: string }, signal: AbortSignal): Promise<void>
  deleteRecord(zoneId: string, id: string, signal: AbortSignal): Promise<void>
}

const zones = z.array(z.object({ id: z.string(), name: z.string(), status: z.string().optional() }))
const domains = z.array(z.object({ id: z.string(), hostname: z.string(), service: z.string() }))
const routes = z.array(z.object({ id: z.string(), pattern: z.string(), script: z.string().optional() }))
const records = z.array(
  z.object({
    id: z.string(),
    type: z.string(),
    name: z.string(),
    content: z.string().optional(),
    comment: z.string().nullish(),
    proxied: z.boolean().default(false),
  }),
)

export function createZoneApi(http: CloudHttp, accountId: string): ZoneApi {
  const domainsPath = `/accounts/${accountId}/workers/domains`
  const anything = z.unknown()
  return {
    async zoneOf(host, signal) {
      const labels = host.replace(/^\*\./, '').split('.')
      for (let from = 0; from < labels.length - 1; from++) {
        const name = labels.slice(from).join('.')
        const path = `/zones?name=${encodeURIComponent(name)}&account.id=${accountId}`
        const [found] = await http.read(zones, { path, signal })
        if (found !== undefined) return { ...found, status: found.status }
      }
      return undefined
    },
    async domain(hostname, signal) {
      const path = `${domainsPath}?hostname=${encodeURIComponent(hostname)}`
      return (await http.read(domains, { path, signal })).find((each) => each.hostname === hostname)
    },
    async domainsOf(script, signal) {
      const path = `${domainsPath}?service=${encodeURIComponent(script)}`
      const list = await http.read(domains, { path, signal })
      return list.filter(({ service }) => service === script).map(({ hostname }) => hostname)
    },
    async putDomain({ hostname, service, zoneId }, signal) {
      const json = { hostname, service, zone_id: zoneId }
      await http.write(anything, { method: 'PUT', path: domainsPath, json, signal })
    },
    async deleteDomain(id, signal) {
      await http.write(anything, { method: 'DELETE', path: `${domainsPath}/${id}`, signal })
    },
    routes: (zoneId, signal) => http.read(routes, { path: `/zones/${zoneId}/workers/routes`, signal }),
    async createRoute(zoneId, route, signal) {
      const path = `/zones/${zoneId}/workers/routes`
      await http.write(anything, { method: 'POST', path, json: route, signal })
    },
    async deleteRoute(zoneId, id, signal) {
      const path = `/zones/${zoneId}/workers/routes/${id}`
      await http.write(anything, { method: 'DELETE', path, signal })
    },
    async records(zoneId, name, signal) {
      const path = `/zones/${zoneId}/dns_records?name.exact=${encodeURIComponent(name)}&per_page=100`
      const list = await http.read(records, { path, signal })
      return list.map((each) => ({ ...each, content: each.content, comment: each.comment ?? undefined }))
    },
    async createRecord(zoneId, { name, comment }, signal) {
      const json = { type: 'AAAA', name, content: '100::', ttl: 1, proxied: true, comment }
      await http.write(anything, { method: 'POST', path: `/zones/${zoneId}/dns_records`, json, signal })
    },
    async deleteRecord(zoneId, id, signal) {
      const path = `/zones/${zoneId}/dns_records/${id}`
      await http.write(anything, { method: 'DELETE', path, signal })
    },
  }
}
