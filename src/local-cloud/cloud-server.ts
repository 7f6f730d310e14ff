import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { errorCode } from '../platform/thrown.ts'
import { type Api, isApiPath } from './api/api.ts'
import type { Gateway } from './gateway/gateway.ts'
import { refuse, refuseUpgrade } from './gateway/proxy.ts'
import type { LocalCloudLog } from './options.ts'
import type { Tails } from './tails/tails.ts'

interface ServerParts {
  api: Api
  gateway: Gateway
  tails: Tails
  log: LocalCloudLog
}

/** The HTTP server. It passes each request to the API or, depending on the Host header, to a Worker. */
export class CloudServer {
  readonly #server: Server
  /** Upgraded connections. Node's server does not track them and could not close them. */
  readonly #upgraded = new Set<Duplex>()

  constructor({ api, gateway, tails, log }: ServerParts) {
    const failed = (error: unknown) => log.error({ err: error }, 'The local cloud could not handle a request')
    this.#server = createServer((req, res) => {
      const site = gateway.siteOf(req)
      if (site !== undefined) gateway.handle(req, res, site).catch(failed)
      else if (isApi(req)) api.handle(req, res).catch(failed)
      else refuse(res, 404, 'No Worker or API is at this address.')
    })
    this.#server.on('upgrade', (req, socket, head) => {
      this.#upgraded.add(socket)
      socket.on('error', () => socket.destroy())
      socket.on('close', () => this.#upgraded.delete(socket))
      const site = gateway.siteOf(req)
      if (site === undefined) {
        if (!tails.upgrade(req, socket, head)) refuseUpgrade(socket, 404)
      } else gateway.handleUpgrade(req, { socket, head }, site).catch(failed)
    })
    // Request streams to a Worker may take longer than Node's default of five minutes.
    this.#server.requestTimeout = 0
  }

  /** Resolves with the port. @throws Error with a message for users if the port is in use */
  async listen(host: string, port: number): Promise<number> {
    this.#server.listen(port, host)
    try {
      await once(this.#server, 'listening')
    } catch (error) {
      if (errorCode(error) !== 'EADDRINUSE') throw error
      throw new Error(`local cloud: port ${port} of ${host} is already in use`)
    }
    return (this.#server.address() as AddressInfo).port
  }

  /** Stops listening. Responses in progress get 2 s to finish before their connections are closed. */
  async close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeIdleConnections()
    for (const socket of this.#upgraded) socket.destroy()
    const timer = setTimeout(() => this.#server.closeAllConnections(), 2000)
    await closed
    clearTimeout(timer)
  }
}

const isApi = (req: IncomingMessage) => isApiPath(req.url ?? '')
