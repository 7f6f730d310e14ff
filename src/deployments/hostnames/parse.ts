/**
 * One entry of a plan's `hostnames`. A plain host name becomes a custom domain, whose certificate and DNS record
 * Cloudflare creates. A wildcard or path becomes a route, whose proxied DNS record Capstan creates.
 */
export interface Hostname {
  kind: 'domain' | 'route'
  /** The entry in lower case, which is also the pattern of a route. */
  text: string
  /** The entry without its path: the name of the DNS record. */
  host: string
}

export function parseHostname(text: string): Hostname {
  const [host = ''] = text.split('/')
  const isRoute = host.startsWith('*.') || text.includes('/')
  return { kind: isRoute ? 'route' : 'domain', text, host }
}
