import { isIPv4, isIPv6 } from 'node:net'
import { z } from 'zod'
import type { CloudContext } from '../context.ts'
import { ApiError } from '../errors.ts'
import { type DnsRecord, newId, type Zone } from '../store/zones.ts'
import { isWithin } from './names.ts'

const ttl = z.union([z.literal(1), z.number().int().min(60).max(86_400)], 'must be 1 or 60-86400').default(1)

const wholeRecord = z.strictObject({
  type: z.enum(['A', 'AAAA', 'CNAME', 'TXT']),
  name: z.string().min(1).max(255),
  content: z.string().min(1).max(2048),
  ttl,
  proxied: z.boolean().default(false),
  comment: z.string().max(500).nullable().default(null),
  tags: z.array(z.string()).max(0, 'tags require a paid plan').optional(),
  settings: z.strictObject({}).optional(),
})
export const recordBody = wholeRecord
export const recordPatch = wholeRecord.partial()

/** Creates a DNS record. @throws ApiError 81058 for an identical record, 81053 if the host has conflicting records */
export function createRecord(cloud: CloudContext, zone: Zone, body: z.output<typeof recordBody>): DnsRecord {
  const now = new Date().toISOString()
  const { type, content, ttl, proxied, comment } = body
  const name = body.name === '@' ? zone.name : body.name.toLowerCase()
  const record = { type, name, content, ttl, proxied, comment }
  return saveRecord(cloud, zone, {
    ...record,
    id: newId(),
    zoneId: zone.id,
    createdOn: now,
    modifiedOn: now,
    domainId: null,
  })
}

export function changeRecord(
  cloud: CloudContext,
  zone: Zone,
  change: { record: DnsRecord; body: z.output<typeof recordPatch> },
): DnsRecord {
  const { record, body } = change
  requireEditable(record)
  const { type = record.type, content = record.content, ttl = record.ttl } = body
  const { proxied = record.proxied, comment = record.comment } = body
  const name = (body.name ?? record.name).toLowerCase()
  const modifiedOn = new Date().toISOString()
  return saveRecord(cloud, zone, { ...record, type, name, content, ttl, proxied, comment, modifiedOn })
}

export function deleteRecord({ store }: CloudContext, record: DnsRecord): void {
  requireEditable(record)
  store.zones.deleteRecord(record.id)
}

export function requireRecord({ store }: CloudContext, zone: Zone, id: string): DnsRecord {
  const found = store.zones.records(zone.id).find((each) => each.id === id)
  if (found === undefined) throw new ApiError('recordNotFound')
  return found
}

function saveRecord({ store }: CloudContext, zone: Zone, record: DnsRecord): DnsRecord {
  if (!isWithin(record.name, zone.name)) throw new ApiError('invalidBody', 'name: is not in the zone')
  const wrong =
    (record.type === 'A' && !isIPv4(record.content)) || (record.type === 'AAAA' && !isIPv6(record.content))
  if (wrong) throw new ApiError('invalidBody', 'content: is not an address of this type')
  if (record.type === 'TXT' && record.proxied)
    throw new ApiError('invalidBody', 'proxied: is not allowed for TXT records')
  return store.transaction(() => {
    const others = store.zones
      .records(zone.id)
      .filter((each) => each.name === record.name && each.id !== record.id)
    if (others.some((each) => each.type === record.type && each.content === record.content))
      throw new ApiError('recordExists')
    const aliased = others.filter((each) => each.type !== 'TXT')
    if (record.type === 'CNAME' && aliased.length > 0) throw new ApiError('hostHasRecords')
    if (record.type !== 'TXT' && aliased.some((each) => each.type === 'CNAME'))
      throw new ApiError('hostHasRecords')
    store.zones.putRecord(record)
    return record
  })
}

/** Rejects changes of a custom domain's record. Cloudflare documents no code for this error. */
function requireEditable(record: DnsRecord): void {
  if (record.domainId !== null)
    throw new ApiError('invalidBody', 'The record belongs to a custom domain of a Worker and is read-only.')
}
