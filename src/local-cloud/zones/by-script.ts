import { z } from 'zod'
import type { CloudContext } from '../context.ts'
import { ApiError } from '../errors.ts'
import type { Script } from '../store/scripts.ts'
import type { Domain, WorkerRoute, Zone } from '../store/zones.ts'
import { addressRecords, domainBody, putDomain, zoneOf } from './domains.ts'
import { putWorkerRoute } from './worker-routes.ts'

// The routes and custom domains of one Worker as a whole, which is how wrangler sets them.

const givenRoute = z.looseObject({
  pattern: z.string().min(1).max(500),
  zone_id: z.string().optional(),
  zone_name: z.string().optional(),
})
export const routesBody = z.array(givenRoute)

const origin = domainBody.omit({ service: true, environment: true }).extend({
  enabled: z.boolean().optional(),
  previews_enabled: z.boolean().optional(),
})
export const originsBody = z.array(origin)
export const domainsBody = z.strictObject({
  override_scope: z.boolean().default(false),
  override_existing_origin: z.boolean().default(false),
  override_existing_dns_record: z.boolean().default(false),
  origins: originsBody,
})
type Origin = z.output<typeof origin>

/** Gives the Worker these routes and no others. @throws ApiError 10020 for a pattern of another Worker, or 10022 */
export function replaceRoutes(
  cloud: CloudContext,
  script: Script,
  routes: z.output<typeof routesBody>,
): (WorkerRoute & { zone: Zone })[] {
  const { store } = cloud
  return store.transaction(() => {
    for (const zone of store.zones.list()) {
      const own = store.zones.routes(zone.id).filter(({ scriptName }) => scriptName === script.name)
      for (const { id } of own) store.zones.deleteRoute(id)
    }
    return routes.map(({ pattern, ...given }) => {
      const zone = zoneOf(cloud, { hostname: hostOf(pattern), ...given })
      return { ...putWorkerRoute(cloud, zone, { body: { pattern, script: script.name } }), zone }
    })
  })
}

/** The host of a pattern, which may be invalid, without scheme and wildcard. */
const hostOf = (pattern: string) =>
  (pattern.replace(/^https?:\/\//i, '').split('/')[0] ?? '').replace(/^\*?\.?/, '')

/** How the Worker's custom domains would change. */
export interface Changeset {
  added: Origin[]
  removed: Domain[]
  /** Those that exist already, and whether the Worker that they lead to changes. */
  updated: { domain: Domain; modified: boolean }[]
  /** Those whose host name has DNS records of its own. */
  conflicting: Origin[]
}

/** @param replace true if the Worker's other domains are to be removed */
export function changesetOf(
  { store }: CloudContext,
  script: Script,
  { origins, replace }: { origins: Origin[]; replace: boolean },
): Changeset {
  const present = store.zones.domains()
  const find = (hostname: string) => present.find((each) => each.hostname === hostname.toLowerCase())
  const wanted = origins.filter(isEnabled)
  const isWanted = ({ hostname }: Domain) => wanted.some((each) => each.hostname.toLowerCase() === hostname)
  const fresh = wanted.filter(({ hostname }) => find(hostname) === undefined)
  const hasRecords = ({ hostname }: Origin) => addressRecords(store, hostname.toLowerCase()).length > 0
  return {
    added: fresh.filter((each) => !hasRecords(each)),
    conflicting: fresh.filter(hasRecords),
    updated: wanted.flatMap(({ hostname }) => {
      const domain = find(hostname)
      return domain === undefined ? [] : [{ domain, modified: domain.scriptName !== script.name }]
    }),
    removed: replace ? present.filter((each) => each.scriptName === script.name && !isWanted(each)) : [],
  }
}

/**
 * Gives the Worker these custom domains; with `override_scope`, no others.
 * @throws ApiError 100117 or 100116 for a name that is taken and must not be overridden
 */
export function replaceDomains(
  cloud: CloudContext,
  script: Script,
  { origins, ...override }: z.output<typeof domainsBody>,
): Domain[] {
  const { store } = cloud
  return store.transaction(() => {
    const changes = changesetOf(cloud, script, { origins, replace: override.override_scope })
    const taken = changes.updated.filter(({ modified }) => modified)
    if (taken.length > 0 && !override.override_existing_origin) throw new ApiError('domainInUse')
    if (changes.conflicting.length > 0 && !override.override_existing_dns_record)
      throw new ApiError('domainHasRecords')
    for (const { id } of [...changes.removed, ...taken.map(({ domain }) => domain)])
      store.zones.deleteDomain(id)
    for (const { hostname } of changes.conflicting)
      for (const { id } of addressRecords(store, hostname.toLowerCase())) store.zones.deleteRecord(id)
    return origins
      .filter(isEnabled)
      .map(({ enabled: _, previews_enabled: __, ...given }) =>
        putDomain(cloud, { ...given, service: script.name }),
      )
  })
}

/** A disabled domain leads nowhere, so it is not attached. */
const isEnabled = ({ enabled = true }: Origin) => enabled
