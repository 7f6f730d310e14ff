import { createServer } from 'node:http'
import type { Express } from 'express'
import { ConfigError } from '../errors.ts'
import type { Logger } from '../logging/logging.ts'
import type { Service } from '../process/lifecycle.ts'
import type { UpgradeHandler } from '../sockets/index.ts'
import { answerMalformedRequests, maxHeaderBytes } from './protection/malformed-requests.ts'

/** How long running requests may take once we stop. */
const drainMs = 5000

/** The listening socket as a service. @throws ConfigError when the port is taken. */
export function createHttpServer(
  app: Express,
  at: { host: string; port: number },
  { upgrade, log }: { upgrade?: UpgradeHandler; log?: Logger } = {},
): Service & { port(): number } {
  const limits = { keepAliveTimeout: 65_000, requestTimeout: 120_000, maxHeaderSize: maxHeaderBytes }
  const server = createServer(limits, app)
  answerMalformedRequests(server, log)
  // Without a listener the request is served as if it had not asked for an upgrade.
  if (upgrade !== undefined) server.on('upgrade', upgrade)
  let listening: Promise<void> | undefined
  let stopped: Promise<void> | undefined

  async function close(): Promise<void> {
    // A start may be on its way: only what listens can be closed.
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
              ? new ConfigError([`PORT: port ${at.port} on ${at.host} is in use; set PORT to move`])
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
