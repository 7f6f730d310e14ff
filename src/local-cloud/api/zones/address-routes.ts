import type { CloudContext } from '../../context.ts'
import { requireScript } from '../../scripts/lifecycle.ts'
import type { Domain } from '../../store/zones.ts'
import {
  changesetOf,
  domainsBody,
  originsBody,
  replaceDomains,
  replaceRoutes,
  routesBody,
} from '../../zones/by-script.ts'
import { requireDomain } from '../../zones/domains.ts'
import { domainView, routeView } from '../../zones/views.ts'
import { readJson } from '../body.ts'
import type { Router } from '../router.ts'

const workers = '/accounts/{account}/workers'
const script = `${workers}/scripts/{script}`

/** The routes and custom domains of one Worker, with which wrangler replaces all of them at once. */
export function addressRoutes(router: Router, cloud: CloudContext): void {
  router
    .on(`PUT ${script}/routes`, async (call) => {
      const owner = requireScript(cloud, call.param('script'))
      const replaced = replaceRoutes(cloud, owner, await readJson(call.req, routesBody))
      const view = (each: (typeof replaced)[number]) => ({
        ...routeView(each),
        zone_id: each.zone.id,
        zone_name: each.zone.name,
      })
      return { result: replaced.map(view) }
    })
    .on(`POST ${script}/domains/changeset`, async (call) => {
      const owner = requireScript(cloud, call.param('script'))
      const origins = await readJson(call.req, originsBody)
      const replace = call.query.get('replace_state') === 'true'
      const { added, removed, updated, conflicting } = changesetOf(cloud, owner, { origins, replace })
      // A domain that does not exist yet has no id.
      const planned = (each: (typeof added)[number]) => ({ ...each, id: '', service: owner.name })
      return {
        result: {
          added: added.map(planned),
          removed: removed.map(recordedView),
          updated: updated.map(({ domain, modified }) => ({ ...recordedView(domain), modified })),
          conflicting: conflicting.map(planned),
        },
      }
    })
    .on(`PUT ${script}/domains/records`, async (call) => {
      const owner = requireScript(cloud, call.param('script'))
      const body = await readJson<ReturnType<typeof domainsBody.parse>>(call.req, domainsBody)
      return { result: replaceDomains(cloud, owner, body).map(recordedView) }
    })
    .on(`GET ${workers}/domains/records`, ({ query }) => {
      const service = query.get('service')
      const found = cloud.store.zones
        .domains()
        .filter(({ scriptName }) => scriptName === (service ?? scriptName))
      return { result: found.map(recordedView) }
    })
    .on(`GET ${workers}/domains/records/{domain}`, (call) => ({
      result: recordedView(requireDomain(cloud, call.param('domain'))),
    }))
}

const recordedView = (domain: Domain) => ({ ...domainView(domain), enabled: true, previews_enabled: false })
