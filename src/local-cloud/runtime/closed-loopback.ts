import { AsyncLocalStorage } from 'node:async_hooks'
import http from 'node:http'

/** The number of servers that were closed for one Miniflare instance. */
export interface Closed {
  servers: number
}

const closing = new AsyncLocalStorage<Closed>()
let patched = false

/**
 * Runs `work`, and makes every HTTP server that `work`, or asynchronous work it starts, opens respond with 404 to all
 * requests. Miniflare opens a server on loopback for its own services, without authentication: it reads and writes files
 * for any client that finds the port, such as a deployed Worker or a web page. Capstan uses no feature that needs it.
 */
export function withClosedLoopback<T>(closed: Closed, work: () => T): T {
  if (!patched) {
    patched = true
    const original = http.createServer
    Reflect.set(http, 'createServer', (...args: Parameters<typeof original>) => {
      const counter = closing.getStore()
      if (counter === undefined) return original(...args)
      counter.servers += 1
      return rejectAll(original((_req, res) => res.writeHead(404, { connection: 'close' }).end()))
    })
  }
  return closing.run(closed, work)
}

/** Ignores request and upgrade listeners that are added later. Node closes upgrade connections without a listener. */
function rejectAll(server: http.Server): http.Server {
  const { on } = server
  const ignoredEvents = new Set(['upgrade', 'request', 'connect'])
  const addListener = (...args: Parameters<typeof on>) =>
    ignoredEvents.has(String(args[0])) ? server : on.apply(server, args)
  Reflect.set(server, 'on', addListener)
  return server
}
