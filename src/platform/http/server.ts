import { createServer } from 'node:http'
import type { Express } from 'express'
import { ConfigError } from '../errors.ts'
import type { Service } from '../lifecycle.ts'

/** How long running requests may take once we stop. */
const drainMs = 5000

/** The listening socket as a service. @throws ConfigError when the port is taken. */
export function createHttpServer(
  app: Express,
  at: { host: string; port: number },
): Service & { port(): number } {
  const server = createServer({ keepAliveTimeout: 65_000, requestTimeout: 120_000 }, app)
  return {
    name: 'http',
    port() {
      const address = server.address()
      return typeof address === 'object' && address !== null ? address.port : at.port
    },
    start() {
      if (server.listening) return Promise.resolve()
      return new Promise((resolve, reject) => {
        server.once('error', (error: NodeJS.ErrnoException) => {
          const taken = error.code === 'EADDRINUSE'
          reject(
            taken
              ? new ConfigError([`PORT: port ${at.port} on ${at.host} is in use; set PORT to move`])
              : error,
          )
        })
        server.listen(at.port, at.host, resolve)
      })
    },
    stop() {
      if (!server.listening) return Promise.resolve()
      return new Promise((resolve) => {
        server.close(() => resolve())
        server.closeIdleConnections()
        setTimeout(() => server.closeAllConnections(), drainMs).unref()
      })
    },
  }
}
