import type { CloudContext } from '../../context.ts'
import { ApiError } from '../../errors.ts'
import type { DnsRecord, Zone } from '../../store/zones.ts'
import { domainBody, putDomain, requireDomain } from '../../zones/domains.ts'
import {
  changeRecord,
  createRecord,
  deleteRecord,
  recordBody,
  recordPatch,
  requireRecord,
} from '../../zones/records.ts'
import { domainView, recordView, routeView, zoneView } from '../../zones/views.ts'
import { putWorkerRoute, requireWorkerRoute, workerRouteBody } from '../../zones/worker-routes.ts'
import { readJson } from '../body.ts'
import { paged } from '../envelope.ts'
import type { Call, Router } from '../router.ts'

const domains = '/accounts/{account}/workers/domains'
const records = '/zones/{zone}/dns_records'
const routes = '/zones/{zone}/workers/routes'

/**
 * The routes of zones and the DNS records, Worker routes and custom domains in them. DNS records are stored but not
 * served.
 */
export function zoneRoutes(router: Router, cloud: CloudContext): void {
  const { store, accountId } = cloud
  router
    .on('GET /zones', ({ query }) => {
      const [name, account] = [query.get('name'), query.get('account.id')]
      const found = store.zones
        .list()
        .filter((each) => each.name === (name ?? each.name) && accountId === (account ?? accountId))
      return listed(found, query, (each) => zoneView(each, accountId))
    })
    .on('GET /zones/{zone}', (call) => ({ result: zoneView(zoneOf(cloud, call), accountId) }))
  domainRoutes(router, cloud)
  recordRoutes(router, cloud)
  workerRoutes(router, cloud)
}

/**
 * Finds the zone of a request; the API calls it before every zone route.
 * @throws ApiError 7003 for a malformed id, 9109 for an unknown one
 */
export function requireZone({ store }: CloudContext, id: string): Zone {
  if (!/^[0-9a-f]{32}$/.test(id)) throw new ApiError('unresolvable')
  const found = store.zones.list().find((each) => each.id === id)
  if (found === undefined) throw new ApiError('zoneNotFound')
  return found
}

const zoneOf = (cloud: CloudContext, call: Call) => requireZone(cloud, call.param('zone'))

function listed<T>(all: T[], query: URLSearchParams, view: (each: T) => object) {
  const { items, info } = paged(all, query)
  return { result: items.map(view), resultInfo: info }
}

function domainRoutes(router: Router, cloud: CloudContext): void {
  router
    .on(`GET ${domains}`, ({ query }) => {
      const wanted = (name: string, value: string) => (query.get(name) ?? value) === value
      const found = cloud.store.zones
        .domains()
        .filter(
          ({ hostname, scriptName, zone }) =>
            wanted('hostname', hostname) &&
            wanted('service', scriptName) &&
            wanted('zone_id', zone.id) &&
            wanted('zone_name', zone.name),
        )
      return listed(found, query, domainView)
    })
    .on(`PUT ${domains}`, async ({ req }) => ({
      result: domainView(putDomain(cloud, await readJson(req, domainBody))),
    }))
    .on(`GET ${domains}/{domain}`, (call) => ({
      result: domainView(requireDomain(cloud, call.param('domain'))),
    }))
    .on(`DELETE ${domains}/{domain}`, (call) => {
      cloud.store.zones.deleteDomain(requireDomain(cloud, call.param('domain')).id)
      return { result: null }
    })
}

function recordRoutes(router: Router, cloud: CloudContext): void {
  const recordOf = (call: Call) => requireRecord(cloud, zoneOf(cloud, call), call.param('record'))
  router
    .on(`GET ${records}`, (call) => {
      const all = cloud.store.zones.records(zoneOf(cloud, call).id)
      return listed(all.filter(matching(call.query)), call.query, recordView)
    })
    .on(`POST ${records}`, async (call) => {
      const zone = zoneOf(cloud, call)
      return { result: recordView(createRecord(cloud, zone, await readJson(call.req, recordBody))) }
    })
    .on(`GET ${records}/{record}`, (call) => ({ result: recordView(recordOf(call)) }))
    .on(`DELETE ${records}/{record}`, (call) => {
      const record = recordOf(call)
      deleteRecord(cloud, record)
      return { result: { id: record.id } }
    })
  for (const [method, schema] of [
    ['PUT', recordBody],
    ['PATCH', recordPatch],
  ] as const) {
    router.on(`${method} ${records}/{record}`, async (call) => {
      const body = await readJson<Parameters<typeof changeRecord>[2]['body']>(call.req, schema)
      return {
        result: recordView(changeRecord(cloud, zoneOf(cloud, call), { record: recordOf(call), body })),
      }
    })
  }
}

function matching(query: URLSearchParams) {
  const wanted = (names: string[], value: string | null) =>
    names.every((name) => (query.get(name) ?? value) === value)
  return ({ type, name, content, comment }: DnsRecord) =>
    wanted(['type'], type) &&
    wanted(['name', 'name.exact'], name) &&
    wanted(['content', 'content.exact'], content) &&
    wanted(['comment', 'comment.exact'], comment)
}

function workerRoutes(router: Router, cloud: CloudContext): void {
  router
    .on(`GET ${routes}`, (call) => {
      const all = cloud.store.zones.routes(zoneOf(cloud, call).id)
      return listed(all, call.query, routeView)
    })
    .on(`POST ${routes}`, async (call) => {
      const body = await readJson(call.req, workerRouteBody)
      return { result: routeView(putWorkerRoute(cloud, zoneOf(cloud, call), { body })) }
    })
    .on(`GET ${routes}/{route}`, (call) => ({
      result: routeView(requireWorkerRoute(cloud, zoneOf(cloud, call), call.param('route'))),
    }))
    .on(`PUT ${routes}/{route}`, async (call) => {
      const { id } = requireWorkerRoute(cloud, zoneOf(cloud, call), call.param('route'))
      const body = await readJson(call.req, workerRouteBody)
      return { result: routeView(putWorkerRoute(cloud, zoneOf(cloud, call), { id, body })) }
    })
    .on(`DELETE ${routes}/{route}`, (call) => {
      const { id } = requireWorkerRoute(cloud, zoneOf(cloud, call), call.param('route'))
      cloud.store.zones.deleteRoute(id)
      return { result: { id } }
    })
}
