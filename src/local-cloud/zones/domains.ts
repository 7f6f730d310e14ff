import { z } from 'zod'
import type { CloudContext } from '../context.ts'
import { ApiError } from '../errors.ts'
import type { Store } from '../store/index.ts'
import { type DnsRecord, type Domain, newId, type Zone } from '../store/zones.ts'
import { isWithin } from './names.ts'

export const domainBody = z.strictObject({
  hostname: z
    .string()
    .regex(/^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}$/i, 'must be a host name'),
  service: z.string(),
  zone_id: z.string().optional(),
  zone_name: z.string().optional(),
  environment: z.literal('production').optional(),
})

/** Attaches a host name to a Worker and creates its DNS record. Idempotent. @throws ApiError */
export function putDomain(cloud: CloudContext, body: z.output<typeof domainBody>): Domain {
  const { store } = cloud
  const hostname = body.hostname.toLowerCase()
  const zone = zoneOf(cloud, body)
  if (!isWithin(hostname, zone.name)) throw new ApiError('invalidBody', 'hostname: is not in the zone')
  const script = store.scripts.find(body.service)
  if (script === undefined) throw new ApiError('serviceNotFound')
  return store.transaction(() => {
    const present = find(cloud, hostname)
    if (present !== undefined && present.scriptName !== script.name) throw new ApiError('domainInUse')
    if (present !== undefined) return present
    if (addressRecords(store, hostname).length > 0) throw new ApiError('domainHasRecords')
    store.zones.putDomain({ hostname, zoneId: zone.id, scriptId: script.id })
    const created = find(cloud, hostname)
    if (created === undefined) throw new Error('the domain was not inserted')
    const now = new Date().toISOString()
    store.zones.putRecord({
      id: newId(),
      zoneId: zone.id,
      type: 'AAAA',
      name: hostname,
      content: '100::',
      ttl: 1,
      proxied: true,
      comment: null,
      createdOn: now,
      modifiedOn: now,
      domainId: created.id,
    })
    return created
  })
}

const addresses = new Set(['A', 'AAAA', 'CNAME'])

/** The DNS records that decide where a host name leads. @param hostname in lower case */
export const addressRecords = ({ zones }: Pick<Store, 'zones'>, hostname: string): DnsRecord[] =>
  zones
    .list()
    .flatMap(({ id }) => zones.records(id))
    .filter(({ name, type }) => name === hostname && addresses.has(type))

const find = ({ store }: CloudContext, hostname: string) =>
  store.zones.domains().find((each) => each.hostname === hostname)

/** The zone of a host name: the named one, else the longest that contains it. @throws ApiError 9109 */
export function zoneOf(
  { store }: CloudContext,
  body: { hostname: string; zone_id?: string | undefined; zone_name?: string | undefined },
): Zone {
  const { zone_id: id, zone_name: name, hostname } = body
  const zone = store.zones
    .list()
    .filter((each) => each.id === (id ?? each.id) && each.name === (name ?? each.name))
    .filter((each) => id !== undefined || name !== undefined || isWithin(hostname.toLowerCase(), each.name))
    .toSorted((a, b) => b.name.length - a.name.length)[0]
  if (zone === undefined) throw new ApiError('zoneNotFound')
  return zone
}

export function requireDomain({ store }: CloudContext, id: string): Domain {
  const found = store.zones.domains().find((each) => each.id === id)
  if (found === undefined) throw new ApiError('domainNotFound')
  return found
}
