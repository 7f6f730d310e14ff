import { lookup as systemLookup } from 'node:dns'
import { type AgentOptions, Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import type { LookupFunction } from 'node:net'
import { type ConnectionOptions, rootCertificates } from 'node:tls'
import { Agent, Dispatcher, ProxyAgent } from 'undici'
import { createProxyChoice, type ProxyChoice } from './proxies.ts'
import { lookupPublic, NotPublic, namesPrivatePlace } from './public-only.ts'
import { lookupElsewhere, namesThisMachine, OnThisMachine } from './this-machine.ts'

/** Resolves `*.localhost` to loopback (RFC 6761), which not every system's resolver does. */
const lookup: LookupFunction = (host, options, done) => {
  if (!host.endsWith('.localhost')) return systemLookup(host, options, done)
  if (options.all) return done(null, [{ address: '127.0.0.1', family: 4 }])
  return done(null, '127.0.0.1', 4)
}

/** The certificates with which the server is verified, and those presented to it. */
export type OutgoingTls = Pick<
  ConnectionOptions,
  'ca' | 'cert' | 'key' | 'passphrase' | 'servername' | 'rejectUnauthorized'
>

export interface OutgoingOptions {
  /** Replaces the environment's proxies; `NO_PROXY` still applies. */
  proxyUrl?: string | undefined
  /** Certificates to trust in addition to the default ones, as PEM. */
  ca?: string | undefined
  /** The TLS options for a single server; their `ca` replaces the default certificates. */
  tls?: OutgoingTls
  /** Refuses connections to this machine, by any name or address, with OnThisMachine. */
  elsewhereOnly?: boolean
  /**
   * Refuses connections to addresses that are not on the internet, with NotPublic. A proxy resolves names itself, so
   * that only addresses are refused before it.
   */
  publicOnly?: boolean
}

/** Limits the places to which connections may lead. */
interface Fence {
  lookup: LookupFunction
  /** Called before connecting: an address is not resolved, and a proxy resolves names itself. */
  check(hostname: string): void
}

const open: Fence = { lookup, check: () => undefined }
const elsewhere: Fence = {
  lookup: lookupElsewhere,
  check(hostname) {
    if (namesThisMachine(hostname)) throw new OnThisMachine(hostname)
  },
}
const internet: Fence = {
  lookup: lookupPublic,
  check(hostname) {
    if (namesPrivatePlace(hostname)) throw new NotPublic(hostname)
  },
}

/** The undici dispatcher for outgoing calls, which uses the environment's proxies. The caller closes it. */
export function createOutgoing({
  proxyUrl,
  ca,
  tls,
  elsewhereOnly = false,
  publicOnly = false,
}: OutgoingOptions = {}): Dispatcher {
  const trusted = tls ?? (ca === undefined ? {} : { ca: [...rootCertificates, ca] })
  const fence = publicOnly ? internet : elsewhereOnly ? elsewhere : open
  return new Outgoing(createProxyChoice(process.env, proxyUrl), trusted, fence)
}

/** Sends each request directly or through the proxy of its origin. */
class Outgoing extends Dispatcher {
  readonly #proxyFor: ProxyChoice
  readonly #tls: OutgoingTls
  readonly #fence: Fence
  readonly #direct: Agent
  readonly #proxies = new Map<string, ProxyAgent>()

  constructor(proxyFor: ProxyChoice, tls: OutgoingTls, fence: Fence) {
    super()
    this.#proxyFor = proxyFor
    this.#tls = tls
    this.#fence = fence
    this.#direct = new Agent({ connect: { lookup: fence.lookup, ...tls } })
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const origin = options.origin === undefined ? undefined : new URL(options.origin)
    if (origin !== undefined) this.#fence.check(origin.hostname)
    const proxy = origin === undefined ? undefined : this.#proxyFor(origin)
    return (proxy === undefined ? this.#direct : this.#through(proxy)).dispatch(options, handler)
  }

  #through(uri: string): ProxyAgent {
    const agent =
      this.#proxies.get(uri) ?? new ProxyAgent({ uri, connect: { lookup }, requestTls: this.#tls })
    this.#proxies.set(uri, agent)
    return agent
  }

  #all = () => [this.#direct, ...this.#proxies.values()]

  override close(): Promise<void>
  override close(callback: () => void): void
  override close(callback?: () => void): Promise<void> | void {
    const closed = Promise.all(this.#all().map((each) => each.close())).then(() => undefined)
    return callback === undefined ? closed : void closed.then(callback)
  }

  override destroy(error?: Error | null): Promise<void>
  override destroy(callback: () => void): void
  override destroy(error: Error | null, callback: () => void): void
  override destroy(first?: Error | null | (() => void), second?: () => void): Promise<void> | void {
    const [error, callback] = typeof first === 'function' ? [null, first] : [first ?? null, second]
    const destroyed = Promise.all(this.#all().map((each) => each.destroy(error))).then(() => undefined)
    return callback === undefined ? destroyed : void destroyed.then(callback)
  }
}

/**
 * The agents for calls to one server by clients that use Node's `http` instead of undici. Node before 24.5 does not
 * support `proxyEnv` and connects directly.
 */
export function createHttpAgents(server: string): { httpAgent: HttpAgent; httpsAgent: HttpsAgent } {
  const proxy = createProxyChoice(process.env)(new URL(server))
  const options: AgentOptions = { keepAlive: true, maxSockets: 50, ...through(proxy) }
  return { httpAgent: new HttpAgent(options), httpsAgent: new HttpsAgent(options) }
}

/** Agents for occasional calls to many machines over plain HTTP. */
export interface PlainOutgoing {
  agentFor(url: URL): HttpAgent
  close(): void
}

/** Uses one connection per call: a pool for each of 1,000 nodes took 100 MB more. */
export function createPlainOutgoing(): PlainOutgoing {
  const proxyFor = createProxyChoice(process.env)
  const agents = new Map<string | undefined, HttpAgent>()
  return {
    agentFor(url) {
      const proxy = proxyFor(url)
      const agent = agents.get(proxy) ?? new HttpAgent({ keepAlive: false, ...through(proxy) })
      agents.set(proxy, agent)
      return agent
    },
    close() {
      for (const agent of agents.values()) agent.destroy()
    },
  }
}

/** Sets a proxy only where it is to be used, since Node's own exception list does not support networks. */
const through = (proxy: string | undefined) =>
  proxy === undefined ? {} : { proxyEnv: { HTTP_PROXY: proxy, HTTPS_PROXY: proxy } }
