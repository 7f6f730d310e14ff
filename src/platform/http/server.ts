import { createServer } from 'node:http'
import type { Express } from 'express'
import { ConfigError } from '../errors.ts'
import type { Logger } from '../logging/logging.ts'
import type { Service } from '../process/lifecycle.ts'
import type { UpgradeHandler } from '../sockets/index.ts'
import { answerMalformedRequests, maxHeaderBytes } from './protection/malformed-requests.ts'

/** The time in which running requests may finish after a stop has begun. */
const drainMs = 5000

/** The HTTP server as a service. @throws ConfigError if the port is in use */
export function createHttpServer(
  app: Express,
  at: { host: string; port: number },
  { upgrade, log }: { upgrade?: UpgradeHandler; log?: Logger } = {},
): Service & { port(): number } {
  const limits = { keepAliveTimeout: 65_000, requestTimeout: 120_000, maxHeaderSize: maxHeaderBytes }
  const server = createServer(limits, app)
  answerMalformedRequests(server, log)
  // Without a listener Node serves an upgrade request as an ordinary request.
  if (upgrade !== undefined) server.on('upgrade', upgrade)
  let listening: Promise<void> | undefined
  let stopped: Promise<void> | undefined

  async function close(): Promise<void> {
    // A start may be in progress; only a listening server can be closed.
    await listening?.catch(() => undefined)
    if (!server.listening) return
    await new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeIdleConnections()
      setTimeout(() => server.closeAllConnections(), drainMs).unref()
    })
  }

  return {
    name: 'http',
    port() {
      const address = server.address()
      return typeof address === 'object' && address !== null ? address.port : at.port
    },
    start() {
      if (stopped !== undefined) return Promise.resolve()
      listening ??= new Promise((resolve, reject) => {
        server.once('error', (error: NodeJS.ErrnoException) => {
          const taken = error.code === 'EADDRINUSE'
          reject(
            taken
              ? new ConfigError([`PORT: port ${at.port} on ${at.host} is in use; set PORT to another port`])
              : error,
          )
        })
        server.listen(at.port, at.host, resolve)
      })
      return listening
    },
    stop() {
      stopped ??= close()
      return stopped
    },
  }
}
