import { randomBytes } from 'node:crypto'
import { isIP } from 'node:net'
import { getCACertificates } from 'node:tls'
import { supportedCompatibilityDate, type WorkerOptions } from 'miniflare'
import { ownAddresses } from '../../platform/network/this-machine.ts'
import { tailName, tailWorker } from './logs/exceptions.ts'

/** Carries the gate's secret from the gateway to a front; `mf-` headers of clients never come this far. */
export const gateHeader = 'mf-capstan-gate'

let suffix: string | undefined

/** Made once a process, when it is first asked for. */
function ownSuffix(): string {
  suffix ??= randomBytes(16).toString('hex')
  return suffix
}

/** A Worker's name inside Miniflare. Its entry port serves any Worker that a request names, so nobody may guess it. */
export const appName = (id: string): string => `${id}-${ownSuffix()}`

/** workerd's messages may name a Worker; what tells the name must not get out. */
export const withoutSuffix = (message: string): string => message.replaceAll(`-${ownSuffix()}`, '')

/** The name under which the socket of a Worker is found. */
export const frontName = (app: string): string => `front-${app}`

/** Lets through only who knows the secret, and takes it off. */
const frontScript = `
export default {
  fetch(request, env) {
    if (request.headers.get(env.HEADER) !== env.SECRET) return new Response('Forbidden\\n', { status: 403 })
    const headers = new Headers(request.headers)
    headers.delete(env.HEADER)
    return env.APP.fetch(new Request(request, { headers, redirect: 'manual' }))
  },
}`

const closedScript = `export default { fetch: () => new Response('Forbidden\\n', { status: 403 }) }`

/**
 * Puts a front with the only socket before each Worker. The sockets are on loopback, where browsers send the cookies
 * of 127.0.0.1 whatever the port: an app must not be reachable there but through our gateway. What comes first is
 * what Miniflare's own entry port shows to everybody.
 * @param options `marker` begins the lines that report uncaught exceptions
 */
export function gated(
  workers: WorkerOptions[],
  { secret, marker, privateNetwork }: { secret: string; marker: string; privateNetwork: boolean },
): WorkerOptions[] {
  const outboundService = network(privateNetwork)
  const inner = workers.map((worker) => ({
    ...worker,
    // It goes out with every call of the Worker; by default it would tell the name.
    zone: 'worker.example.com',
    outboundService,
    tails: [tailName],
  }))
  const fronts = workers.map(({ name = '' }) => ({
    ...own(frontName(name), frontScript),
    bindings: { HEADER: gateHeader, SECRET: secret },
    serviceBindings: { APP: name },
    unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }],
  }))
  return [own('closed', closedScript), ...inner, ...fronts, tailWorker(marker)]
}

const asNetwork = (address: string) => `${address}/${isIP(address) === 6 ? 128 : 32}`

/** What a Worker calls is the internet's, unless the person who runs the cloud says otherwise. */
const network = (isPrivate: boolean) => ({
  network: {
    allow: isPrivate ? ['public', 'private'] : ['public'],
    // An address of this machine may be a public one; `0.0.0.0` and `[::]` lead to loopback.
    deny: isPrivate ? [] : ['0.0.0.0/8', '127.0.0.0/8', '::/127', ...ownAddresses().map(asNetwork)],
    // As Miniflare's own network has it: a network of one's own trusts no certificate without this.
    tlsOptions: { trustBrowserCas: true, trustedCertificates: getCACertificates('extra') },
  },
})

const own = (name: string, script: string): WorkerOptions => ({
  name,
  modules: true,
  script,
  compatibilityDate: supportedCompatibilityDate,
})
