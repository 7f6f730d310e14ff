/**
 * One entry of a plan's `hostnames`. A plain host name becomes a custom domain, with a certificate and a record of
 * Cloudflare's own. One with a wildcard or a path becomes a route, and needs a proxied record, which we make.
 */
export interface Hostname {
  kind: 'domain' | 'route'
  /** As it was written, in lower case: the plan's, a route's pattern. */
  text: string
  /** Without the path: where its record is. */
  host: string
}

const label = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?'
export const hostnameShape = new RegExp(
  `^(?:\\*\\.)?(?:${label}\\.)+[a-z0-9-]{2,63}(?:/[\\x21-\\x29\\x2b-\\x7e]*\\*?)?$`,
)

export function parseHostname(text: string): Hostname {
  const [host = ''] = text.split('/')
  const isRoute = host.startsWith('*.') || text.includes('/')
  return { kind: isRoute ? 'route' : 'domain', text, host }
}
