import type { IncomingMessage } from 'node:http'
import type { Store } from '../store/index.ts'
import { compareSpecificity, matchesRoute, parseRoutePattern } from '../zones/route-pattern.ts'

/** The Worker that a request is for. */
export interface Site {
  script: string
  /** At a host name of its own, which answers also while its workers.dev address is disabled. */
  ownName: boolean
}

/**
 * The Worker that a request names by its Host, on any port: `hello.localhost` is the script `hello`; a custom domain or
 * a route leads to its script. Undefined for all other hosts.
 */
export function siteOf({ zones }: Pick<Store, 'zones'>, req: IncomingMessage): Site | undefined {
  const host = (req.headers.host ?? '').toLowerCase().replace(/:\d+$/, '').replace(/\.$/, '')
  const [, name] = /^([a-z0-9_-]+)\.localhost$/.exec(host) ?? []
  if (name !== undefined) return { script: name, ownName: false }
  // Addresses and single labels are never host names of a zone.
  if (!/[a-z]/.test(host) || !host.includes('.')) return undefined
  const script = routeTo(zones, host, req.url ?? '/') ?? domainOf(zones, host)
  return script === undefined ? undefined : { script, ownName: true }
}

const domainOf = (zones: Store['zones'], host: string) =>
  zones.domains().find(({ hostname }) => hostname === host)?.scriptName

/** The script of the most specific route that matches. A route without a script keeps requests from less specific ones. */
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
