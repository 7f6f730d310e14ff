import { lookup as systemLookup } from 'node:dns'
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import type { LookupFunction } from 'node:net'
import { EnvHttpProxyAgent } from 'undici'

/** This machine is never reached through a proxy: it would not find us, and would see our tokens. */
const here = 'localhost,.localhost,127.0.0.1,::1'

/** `*.localhost` is loopback by RFC 6761, but not every system's resolver knows. */
const lookup: LookupFunction = (host, options, done) => {
  if (!host.endsWith('.localhost')) return systemLookup(host, options, done)
  if (options.all) return done(null, [{ address: '127.0.0.1', family: 4 }])
  return done(null, '127.0.0.1', 4)
}

/** The way out of every call of ours: honours `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`. The caller closes it. */
export function createOutgoing(): EnvHttpProxyAgent {
  const configured = process.env.no_proxy ?? process.env.NO_PROXY
  return new EnvHttpProxyAgent({
    noProxy: configured === '*' ? '*' : [configured, here].filter(Boolean).join(','),
    connect: { lookup },
  })
}

/** The same way out for clients that bring no `fetch` of their own but use Node's agents. */
export function createHttpAgents(): { httpAgent: HttpAgent; httpsAgent: HttpsAgent } {
  const { HTTPS_PROXY, https_proxy, HTTP_PROXY, http_proxy, NO_PROXY, no_proxy } = process.env
  const proxyEnv = {
    HTTPS_PROXY: HTTPS_PROXY ?? https_proxy,
    HTTP_PROXY: HTTP_PROXY ?? http_proxy,
    NO_PROXY: [NO_PROXY ?? no_proxy, here].filter(Boolean).join(','),
  }
  // Node before 24.5 knows no `proxyEnv` and goes out directly.
  const options = { keepAlive: true, maxSockets: 50, proxyEnv }
  return { httpAgent: new HttpAgent(options), httpsAgent: new HttpsAgent(options) }
}
