import { AsyncLocalStorage } from 'node:async_hooks'
import http from 'node:http'

/** Counts the servers that were closed for one instance. */
export interface Closed {
  servers: number
}

const closing = new AsyncLocalStorage<Closed>()
let patched = false

/**
 * Runs `work`, and makes every HTTP server that it, or anything it sets going, opens answer 404 to everything.
 * Miniflare opens one on loopback for its own services, without any credential: it writes and reads files for whoever
 * finds its port, a deployed Worker or a web page among them. None of what we use of Miniflare needs it.
 */
export function withClosedLoopback<T>(closed: Closed, work: () => T): T {
  if (!patched) {
    patched = true
    const original = http.createServer
    Reflect.set(http, 'createServer', (...args: Parameters<typeof original>) => {
      const found = closing.getStore()
      if (found === undefined) return original(...args)
      found.servers += 1
      return deaf(original((_req, res) => res.writeHead(404, { connection: 'close' }).end()))
    })
  }
  return closing.run(closed, work)
}

/** Later listeners of requests and upgrades are not taken on; without one for upgrades Node ends the connection. */
function deaf(server: http.Server): http.Server {
  const { on } = server
  const refused = new Set(['upgrade', 'request', 'connect'])
  const take = (...args: Parameters<typeof on>) =>
    refused.has(String(args[0])) ? server : on.apply(server, args)
  Reflect.set(server, 'on', take)
  return server
}
