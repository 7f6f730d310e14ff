import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { errorCode } from '../platform/thrown.ts'
import { type Api, isApiPath } from './api/api.ts'
import type { Gateway } from './gateway/gateway.ts'
import { refuse, refuseUpgrade } from './gateway/proxy.ts'
import type { LocalCloudLog } from './options.ts'

interface Faces {
  api: Api
  gateway: Gateway
  log: LocalCloudLog
}

/** The HTTP server: sends each request to the API or, by its Host, to a Worker. */
export class CloudServer {
  readonly #server: Server
  /** Node does not count an upgraded connection as one of the server's own, and would wait for its end for ever. */
  readonly #upgraded = new Set<Duplex>()

  constructor({ api, gateway, log }: Faces) {
    const failed = (error: unknown) => log.error({ err: error }, 'a request failed')
    this.#server = createServer((req, res) => {
      const site = gateway.siteOf(req)
      if (site !== undefined) gateway.handle(req, res, site).catch(failed)
      else if (isApi(req)) api.handle(req, res).catch(failed)
      else refuse(res, 404, 'There is nothing at this address.')
    })
    this.#server.on('upgrade', (req, socket, head) => {
      this.#upgraded.add(socket)
      socket.on('error', () => socket.destroy())
      socket.on('close', () => this.#upgraded.delete(socket))
      const site = gateway.siteOf(req)
      if (site === undefined) refuseUpgrade(socket, 404)
      else gateway.handleUpgrade(req, { socket, head }, site).catch(failed)
    })
    // A Worker may be sent a stream that takes longer than Node's default of five minutes.
    this.#server.requestTimeout = 0
  }

  /** Resolves with the port. Rejects with one clear line when the port is occupied. */
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

  /** Lets answers under way finish for a moment, then cuts what is left. */
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
