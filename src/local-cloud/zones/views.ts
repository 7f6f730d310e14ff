import type { DnsRecord, Domain, WorkerRoute, Zone } from '../store/zones.ts'

export function zoneView(zone: Zone, accountId: string) {
  return {
    id: zone.id,
    name: zone.name,
    status: 'active',
    type: 'full',
    paused: false,
    development_mode: 0,
    account: { id: accountId, name: 'Local cloud' },
    owner: { id: accountId, name: 'Local cloud', type: 'organization' },
    plan: { id: zone.id, name: 'Free Website', legacy_id: 'free', price: 0, currency: 'USD' },
    meta: { cdn_only: false, dns_only: false },
    name_servers: ['ns1.localhost', 'ns2.localhost'],
    original_dnshost: null,
    original_name_servers: [],
    original_registrar: null,
    created_on: zone.createdOn,
    modified_on: zone.createdOn,
    activated_on: zone.createdOn,
  }
}

export function domainView(domain: Domain) {
  return {
    id: domain.id,
    cert_id: domain.certId,
    environment: 'production',
    hostname: domain.hostname,
    service: domain.scriptName,
    zone_id: domain.zone.id,
    zone_name: domain.zone.name,
  }
}

export function recordView(record: DnsRecord) {
  const { id, name, type, content, ttl, proxied, comment } = record
  return {
    id,
    name,
    type,
    content,
    ttl,
    proxied,
    ...(comment === null ? {} : { comment }),
    tags: [],
    settings: {},
    // Cloudflare marks the records of custom domains this way.
    meta: record.domainId === null ? {} : { read_only: true, origin_worker_id: record.domainId },
    proxiable: ['A', 'AAAA', 'CNAME'].includes(type),
    created_on: record.createdOn,
    modified_on: record.modifiedOn,
  }
}

export const routeView = ({ id, pattern, scriptName }: WorkerRoute) => ({
  id,
  pattern,
  ...(scriptName === null ? {} : { script: scriptName }),
})
