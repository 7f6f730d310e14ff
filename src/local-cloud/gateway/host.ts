import type { IncomingMessage } from 'node:http'
import type { Store } from '../store/index.ts'

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
  const script = routeTo(zones, `${host}${req.url ?? '/'}`) ?? domainOf(zones, host)
  return script === undefined ? undefined : { script, ownName: true }
}

const domainOf = (zones: Store['zones'], host: string) =>
  zones.domains().find(({ hostname }) => hostname === host)?.scriptName

/** Of the route whose pattern fits; the longest is the most specific. */
function routeTo(zones: Store['zones'], url: string): string | undefined {
  const routes = zones.list().flatMap(({ id }) => zones.routes(id))
  const fitting = routes.filter(({ pattern }) => fits(pattern, url))
  const [first] = fitting.toSorted((a, b) => b.pattern.length - a.pattern.length)
  return first?.scriptName ?? undefined
}

/** A pattern without a path is for the host's root, with or without a slash. */
function fits(pattern: string, url: string): boolean {
  const [, plain = ''] = /^(?:https?:\/\/)?(.*)$/i.exec(pattern) ?? []
  const full = plain.includes('/') ? plain : `${plain}/`
  const parts = full
    .toLowerCase()
    .split('*')
    .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`).test(url.toLowerCase())
}
