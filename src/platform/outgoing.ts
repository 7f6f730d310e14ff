import { lookup as systemLookup } from 'node:dns'
import { Agent } from 'node:http'
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

/** What is reached without a proxy: what the environment names, and this machine. */
function withoutProxy(): string {
  const configured = process.env.no_proxy ?? process.env.NO_PROXY
  return configured === '*' ? '*' : [configured, here].filter(Boolean).join(',')
}

/** The way out of every call of ours: honours `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`. The caller closes it. */
export function createOutgoing(): EnvHttpProxyAgent {
  return new EnvHttpProxyAgent({ noProxy: withoutProxy(), connect: { lookup } })
}

/**
 * The same for plain HTTP to very many machines, each asked once in a while: a connection a call. A pool for each of
 * 1,000 nodes took 100 MB more.
 */
export function createPlainOutgoing(): Agent {
  return new Agent({
    keepAlive: false,
    proxyEnv: { ...process.env, NO_PROXY: withoutProxy(), no_proxy: withoutProxy() },
  })
}
