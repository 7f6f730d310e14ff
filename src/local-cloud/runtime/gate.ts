import { supportedCompatibilityDate, type WorkerOptions } from 'miniflare'

/** Carries the gate's secret from the gateway to the Worker's socket; no app ever sees it. */
export const gateHeader = 'x-capstan-gate'

const frontName = (name: string) => `${name}-front`

/** Lets through only who knows the secret, and takes it off. */
const front = `
export default {
  async fetch(request, env) {
    if (request.headers.get('${gateHeader}') !== env.SECRET) return new Response('Forbidden\\n', { status: 403 })
    const headers = new Headers(request.headers)
    headers.delete('${gateHeader}')
    return env.APP.fetch(new Request(request, { headers, redirect: 'manual' }))
  },
}
`

/**
 * Puts a front Worker with a socket of its own before each Worker. The sockets are on loopback, where browsers send
 * the cookies of 127.0.0.1 whatever the port: an app must not be reachable there but through our gateway. The first
 * front also takes Miniflare's own entry port.
 */
export function gated(workers: WorkerOptions[], secret: string): WorkerOptions[] {
  const fronts = workers.map(
    ({ name = '' }): WorkerOptions => ({
      name: frontName(name),
      modules: true,
      script: front,
      compatibilityDate: supportedCompatibilityDate,
      bindings: { SECRET: secret },
      serviceBindings: { APP: name },
      unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }],
    }),
  )
  return [...fronts, ...workers]
}

/** The name under which a Worker's socket is found. */
export const gateOf = frontName
