import { randomBytes } from 'node:crypto'
import { isIP } from 'node:net'
import { getCACertificates } from 'node:tls'
import { supportedCompatibilityDate, type WorkerOptions } from 'miniflare'
import { ownAddresses } from '../../platform/network/this-machine.ts'
import { tailName, tailWorker } from './logs/exceptions.ts'

/** The header with the gate's secret, from the gateway to a front; the gateway removes `mf-` headers of clients. */
export const gateHeader = 'mf-capstan-gate'

let suffix: string | undefined

/** The random suffix of this process, created on first use. */
function processSuffix(): string {
  suffix ??= randomBytes(16).toString('hex')
  return suffix
}

/** A Worker's name inside Miniflare. It must be secret: Miniflare's entry port serves any Worker named in a request. */
export const appName = (id: string): string => `${id}-${processSuffix()}`

/** Removes the secret suffix of Workers' names from a message of workerd. */
export const withoutSuffix = (message: string): string => message.replaceAll(`-${processSuffix()}`, '')

/** The name of the front that holds a Worker's socket. */
export const frontName = (app: string): string => `front-${app}`

/** The header that names the event in the body of a request to a front. */
export const eventHeader = 'mf-capstan-event'

/**
 * The script of a front: forwards only requests with the secret, and removes the secret from them. A request with an event
 * calls another handler than `fetch`, directly in the code of the Worker: assets have no such handlers.
 */
const frontScript = `
const bodies = {
  json: (text) => JSON.parse(text),
  text: (text) => text,
  bytes: (text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0)),
}
const messageOf = ({ id, timestamp, attempts, body }) => ({
  id, attempts, timestamp: new Date(timestamp), body: bodies[body.contentType](body.text),
})
const events = {
  scheduled: (code, { cron, scheduledTime }) => code.scheduled({ cron, scheduledTime: new Date(scheduledTime) }),
  queue: (code, { queue, messages }) => code.queue(queue, messages.map(messageOf)),
}
export default {
  async fetch(request, env) {
    if (request.headers.get(env.HEADER) !== env.SECRET) return new Response('Forbidden\\n', { status: 403 })
    const event = request.headers.get(env.EVENT)
    if (event !== null) return Response.json(await events[event](env.CODE, await request.json()))
    const headers = new Headers(request.headers)
    headers.delete(env.HEADER)
    return env.APP.fetch(new Request(request, { headers, redirect: 'manual' }))
  },
}`

const closedScript = `export default { fetch: () => new Response('Forbidden\\n', { status: 403 }) }`

/** A Worker that receives requests from outside. */
export interface HostedWorker {
  /** The id that its URL and its lines have; the Worker's name is `appName(id)`. */
  id: string
  worker: WorkerOptions
  /** Workers that serve only this one, without a socket. */
  helpers: WorkerOptions[]
  /** The name of the Worker that receives the requests: the Worker itself or a helper. */
  entry: string
}

/** A Worker that receives its requests itself. */
export const hosted = (id: string, worker: WorkerOptions): HostedWorker => ({
  id,
  worker,
  helpers: [],
  entry: appName(id),
})

/**
 * Adds a front for each Worker, which has the Worker's only socket. The sockets are on loopback, where browsers send
 * the cookies of 127.0.0.1 to every port: an app must be reachable only through the gateway. Miniflare's own entry port
 * serves the first Worker of the list, which refuses all requests.
 * @param options `marker` begins the lines that report uncaught exceptions
 */
export function withFronts(
  workers: HostedWorker[],
  { secret, marker, privateNetwork }: { secret: string; marker: string; privateNetwork: boolean },
): WorkerOptions[] {
  const outboundService = network(privateNetwork)
  const guarded = workers.flatMap(({ id, worker, helpers, entry }) => {
    const name = appName(id)
    const inner = [worker, ...helpers].map((each) => ({
      ...each,
      // The zone is sent with every outgoing request of the Worker; the default contains the Worker's name.
      zone: 'worker.example.com',
      outboundService,
      tails: [tailName(name), ...(each.tails ?? [])],
    }))
    const front = {
      ...scriptWorker(frontName(name), frontScript),
      compatibilityFlags: ['service_binding_extra_handlers'],
      bindings: { HEADER: gateHeader, SECRET: secret, EVENT: eventHeader },
      serviceBindings: { APP: entry, CODE: name },
      unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }],
    }
    return [...inner, front, tailWorker(name, marker, id)]
  })
  return [scriptWorker('closed', closedScript), ...guarded]
}

const asNetwork = (address: string) => `${address}/${isIP(address) === 6 ? 128 : 32}`

/** The network that Workers can call: the public internet, plus private addresses if the operator allows them. */
const network = (isPrivate: boolean) => ({
  network: {
    allow: isPrivate ? ['public', 'private'] : ['public'],
    // This machine may have public addresses; `0.0.0.0` and `[::]` lead to loopback.
    deny: isPrivate ? [] : ['0.0.0.0/8', '127.0.0.0/8', '::/127', ...ownAddresses().map(asNetwork)],
    // The same options as Miniflare's default network: a custom network trusts no certificates without them.
    tlsOptions: { trustBrowserCas: true, trustedCertificates: getCACertificates('extra') },
  },
})

const scriptWorker = (name: string, script: string): WorkerOptions => ({
  name,
  modules: true,
  script,
  compatibilityDate: supportedCompatibilityDate,
})
