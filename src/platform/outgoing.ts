import { lookup as systemLookup } from 'node:dns'
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import type { LookupFunction } from 'node:net'
import { rootCertificates } from 'node:tls'
import { EnvHttpProxyAgent } from 'undici'

/** This machine is never reached through a proxy: it would not find us, and would see our tokens. */
const here = 'localhost,.localhost,127.0.0.1,::1'

/** `*.localhost` is loopback by RFC 6761, but not every system's resolver knows. */
const lookup: LookupFunction = (host, options, done) => {
  if (!host.endsWith('.localhost')) return systemLookup(host, options, done)
  if (options.all) return done(null, [{ address: '127.0.0.1', family: 4 }])
  return done(null, '127.0.0.1', 4)
}

export interface OutgoingOptions {
  /** Instead of the environment's proxies; `NO_PROXY` still counts. */
  proxyUrl?: string | undefined
  /** Certificates that are trusted beside the usual ones, as PEM. */
  ca?: string | undefined
}

/** What is reached without a proxy: what the environment names, and this machine. */
function withoutProxy(): string {
  const configured = process.env.no_proxy ?? process.env.NO_PROXY
  return configured === '*' ? '*' : [configured, here].filter(Boolean).join(',')
}

/** The way out of every call of ours: honours `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`. The caller closes it. */
export function createOutgoing({ proxyUrl, ca }: OutgoingOptions = {}): EnvHttpProxyAgent {
  const trusted = ca === undefined ? {} : { ca: [...rootCertificates, ca] }
  return new EnvHttpProxyAgent({
    noProxy: withoutProxy(),
    connect: { lookup, ...trusted },
    requestTls: trusted,
    ...(proxyUrl === undefined ? {} : { httpProxy: proxyUrl, httpsProxy: proxyUrl }),
  })
}

/** The environment's proxies for Node's own agents. Node before 24.5 knows no `proxyEnv` and goes out directly. */
function proxyEnv() {
  const { HTTPS_PROXY, https_proxy, HTTP_PROXY, http_proxy } = process.env
  const own = { HTTPS_PROXY: HTTPS_PROXY ?? https_proxy, HTTP_PROXY: HTTP_PROXY ?? http_proxy }
  return { ...own, NO_PROXY: withoutProxy() }
}

/** The same way out for clients that bring no `fetch` of their own but use Node's agents. */
export function createHttpAgents(): { httpAgent: HttpAgent; httpsAgent: HttpsAgent } {
  const options = { keepAlive: true, maxSockets: 50, proxyEnv: proxyEnv() }
  return { httpAgent: new HttpAgent(options), httpsAgent: new HttpsAgent(options) }
}

/**
 * The same for plain HTTP to very many machines, each asked once in a while: a connection a call. A pool for each of
 * 1,000 nodes took 100 MB more.
 */
export function createPlainOutgoing(): HttpAgent {
  return new HttpAgent({ keepAlive: false, proxyEnv: proxyEnv() })
}
