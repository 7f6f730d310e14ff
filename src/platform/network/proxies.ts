import { BlockList, isIP } from 'node:net'
import { domainToASCII } from 'node:url'
import { canonicalAddress } from './ip-address.ts'

/** This machine is never reached through a proxy: the proxy would not find it, and would see our tokens. */
const thisMachine = 'localhost 127.0.0.0/8 [::1]'

/** The proxy for a URL, as a URL of its own; undefined: directly. */
export type ProxyChoice = (url: URL) => string | undefined

/**
 * Which proxy each address is reached through, by `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, in lower case before upper
 * case. Without `HTTPS_PROXY` the other one counts for https, too.
 *
 * `NO_PROXY` is a list, separated by commas or spaces, of: `*`; host names, which include their subdomains (`.name` and
 * `*.name`: see `createBypass`); IP addresses; networks like `10.0.0.0/8` and `fd00::/8`. Each may end in `:port`; an IPv6
 * address or network with a port is in brackets. Names are not looked up: a network matches addresses only.
 * @param proxyUrl instead of the environment's proxies; `NO_PROXY` still counts
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

/** `proxy.example:3128` is an http proxy. */
const withScheme = (proxy: string | undefined) =>
  proxy === undefined || proxy.includes('://') ? proxy : `http://${proxy}`

interface Entry {
  port: number | undefined
  matches(host: string): boolean
}

/** Whether a list in the form of `NO_PROXY` names a URL's host. Entries that cannot be understood match nothing. */
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

/** A host without brackets and the final dot of a full domain name; an address in its one spelling. */
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
  // As curl does: `.name` includes the name itself. `*.name` is its subdomains only.
  const name = nameOf(host.replace(/^\*?\./, ''))
  const suffix = `.${name}`
  if (isIP(name) !== 0) return { port, matches: (other) => other === name }
  if (host.startsWith('*.')) return { port, matches: (other) => other.endsWith(suffix) }
  return { port, matches: (other) => other === name || other.endsWith(suffix) }
}

/** A bare IPv6 address has colons of its own: it needs brackets before a port. */
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
