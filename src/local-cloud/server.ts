import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Api, apiPrefix } from './api/api.ts'
import type { Gateway } from './gateway/gateway.ts'
import { scriptOfHost } from './gateway/host.ts'
import { refuse } from './gateway/proxy.ts'
import type { LocalCloudLog } from './options.ts'

/** Sends each request to the API or, by its Host, to a Worker. */
export function createHttpServer(api: Api, gateway: Gateway, log: LocalCloudLog): Server {
  const failed = (error: unknown) => log.error({ err: error }, 'a request failed')
  const server = createServer((req, res) => {
    const script = scriptOfHost(req.headers.host)
    if (script !== undefined) gateway.handle(req, res, script).catch(failed)
    else if (isApi(req)) api.handle(req, res).catch(failed)
    else refuse(res, 404, 'There is nothing at this address.')
  })
  server.on('upgrade', (req, socket, head) => {
    const script = scriptOfHost(req.headers.host)
    socket.on('error', () => socket.destroy())
    if (script === undefined)
      socket.end('HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n')
    else gateway.handleUpgrade(req, socket, head, script).catch(failed)
  })
  // A Worker may be sent a stream that takes longer than Node's default of five minutes.
  server.requestTimeout = 0
  return server
}

const isApi = (req: IncomingMessage) => req.url === apiPrefix || req.url?.startsWith(`${apiPrefix}/`)

/** Resolves with the port. Rejects with one clear line when the port is occupied. */
export async function listen(server: Server, host: string, port: number): Promise<number> {
  server.listen(port, host)
  try {
    await once(server, 'listening')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    throw new Error(`local cloud: port ${port} of ${host} is already in use`)
  }
  return (server.address() as AddressInfo).port
}

/** Lets answers under way finish for a moment, then cuts what is left. */
export async function closeServer(server: Server): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  server.closeIdleConnections()
  const timer = setTimeout(() => server.closeAllConnections(), 2000)
  await closed
  clearTimeout(timer)
}
