import { BlockList, isIP } from 'node:net'
import { domainToASCII } from 'node:url'
import { canonicalAddress } from './ip-address.ts'

/** Hosts that are never reached through a proxy, which could not connect to them and would see Capstan's tokens. */
const thisMachine = 'localhost 127.0.0.0/8 [::1]'

/** Returns the URL of the proxy for a URL; undefined for a direct connection. */
export type ProxyChoice = (url: URL) => string | undefined

/**
 * Chooses the proxy of each URL by `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`; lower-case names take precedence.
 * Without `HTTPS_PROXY`, `HTTP_PROXY` also applies to https.
 *
 * `NO_PROXY` is a list, separated by commas or spaces, of: `*`; host names, which include their subdomains (`.name` and
 * `*.name`: see `createBypass`); IP addresses; networks like `10.0.0.0/8` and `fd00::/8`. Each may end in `:port`; an
 * IPv6 address or network with a port is in brackets. Names are not resolved, so a network matches addresses only.
 * @param proxyUrl replaces the environment's proxies; `NO_PROXY` still applies
 */
export function createProxyChoice(env: NodeJS.ProcessEnv, proxyUrl?: string): ProxyChoice {
  const named = (name: string) => env[name.toLowerCase()] || env[name] || undefined
  const http = withScheme(proxyUrl ?? named('HTTP_PROXY'))
  const https = withScheme(proxyUrl ?? named('HTTPS_PROXY')) ?? http
  if (https === undefined) return () => undefined
  const bypasses = createBypass(`${thisMachine} ${named('NO_PROXY') ?? ''}`)
  return (url) => {
    if (bypasses(url)) return undefined
    return url.protocol === 'https:' ? https : http
  }
}

/** Adds the scheme `http` to a proxy like `proxy.example:3128`. */
const withScheme = (proxy: string | undefined) =>
  proxy === undefined || proxy.includes('://') ? proxy : `http://${proxy}`

interface Entry {
  port: number | undefined
  matches(host: string): boolean
}

/** Tests whether a list in the form of `NO_PROXY` contains a URL's host. Invalid entries match nothing. */
function createBypass(list: string): (url: URL) => boolean {
  const entries = list
    .split(/[\s,]+/)
    .filter(Boolean)
    .map(parseEntry)
  return (url) => {
    const host = nameOf(url.hostname)
    const port = url.port === '' ? defaultPorts[url.protocol] : Number(url.port)
    return entries.some((entry) => (entry.port ?? port) === port && entry.matches(host))
  }
}

const defaultPorts: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 }

/** A host without brackets and without the final dot of a full domain name; an address in canonical spelling. */
function nameOf(host: string): string {
  const bare = host.replace(/^\[(.*)\]$/, '$1').replace(/(.)\.$/, '$1')
  if (isIP(bare) !== 0) return canonicalAddress(bare)
  return domainToASCII(bare) || bare.toLowerCase()
}

function parseEntry(text: string): Entry {
  const { host, port } = splitPort(text)
  if (host === '*') return { port, matches: () => true }
  const [, address = '', bits] = /^(.*)\/(\d{1,3})$/.exec(host) ?? []
  if (bits !== undefined) return { port, matches: networkMatcher(nameOf(address), Number(bits)) }
  // As in curl, `.name` includes the name itself; `*.name` matches only its subdomains.
  const name = nameOf(host.replace(/^\*?\./, ''))
  const suffix = `.${name}`
  if (isIP(name) !== 0) return { port, matches: (other) => other === name }
  if (host.startsWith('*.')) return { port, matches: (other) => other.endsWith(suffix) }
  return { port, matches: (other) => other === name || other.endsWith(suffix) }
}

/** Splits off the port. An IPv6 address contains colons and therefore needs brackets before a port. */
function splitPort(text: string): { host: string; port: number | undefined } {
  const [, bracketed, afterBracket] = /^\[(.*)\](\/\d+)?(?::\d+)?$/.exec(text) ?? []
  const [, plain, port] = /^(\[.*\](?:\/\d+)?|[^:]*):(\d+)$/.exec(text) ?? []
  const host = bracketed === undefined ? (plain ?? text) : `${bracketed}${afterBracket ?? ''}`
  return { host, port: port === undefined ? undefined : Number(port) }
}

function networkMatcher(address: string, bits: number): (host: string) => boolean {
  const family = isIP(address)
  if (family === 0 || bits > (family === 4 ? 32 : 128)) return () => false
  const network = new BlockList()
  network.addSubnet(address, bits, family === 4 ? 'ipv4' : 'ipv6')
  return (host) => isIP(host) === family && network.check(host, family === 4 ? 'ipv4' : 'ipv6')
}
