import type { IncomingMessage } from 'node:http'
import type { Store } from '../store/index.ts'
import { compareSpecificity, matchesRoute, parseRoutePattern } from '../zones/route-pattern.ts'

/** The target Worker of a request. */
export interface Site {
  script: string
  /** True for a custom domain or route, which works even if the script's workers.dev address is disabled. */
  isCustomHost: boolean
}

/**
 * The Worker that the Host header selects, on any port: `hello.localhost` selects the script `hello`; a custom domain or
 * a route selects its script. Undefined for all other hosts.
 */
export function siteOf({ zones }: Pick<Store, 'zones'>, req: IncomingMessage): Site | undefined {
  const host = (req.headers.host ?? '').toLowerCase().replace(/:\d+$/, '').replace(/\.$/, '')
  const [, name] = /^([a-z0-9_-]+)\.localhost$/.exec(host) ?? []
  if (name !== undefined) return { script: name, isCustomHost: false }
  // IP addresses and single labels are never host names of a zone.
  if (!/[a-z]/.test(host) || !host.includes('.')) return undefined
  const script = routeTo(zones, host, req.url ?? '/') ?? domainOf(zones, host)
  return script === undefined ? undefined : { script, isCustomHost: true }
}

const domainOf = (zones: Store['zones'], host: string) =>
  zones.domains().find(({ hostname }) => hostname === host)?.scriptName

/**
 * The script of the most specific matching route. A route without a script excludes requests from less specific routes.
 */
function routeTo(zones: Store['zones'], host: string, target: string): string | undefined {
  const matching = zones
    .list()
    .flatMap(({ id }) => zones.routes(id))
    .flatMap(({ pattern, scriptName }) => {
      const parsed = parseRoutePattern(pattern)
      return 'problem' in parsed || !matchesRoute(parsed, host, target) ? [] : [{ parsed, scriptName }]
    })
  const [first] = matching.toSorted((a, b) => compareSpecificity(a.parsed, b.parsed))
  return first?.scriptName ?? undefined
}
