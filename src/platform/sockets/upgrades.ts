import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { type Authenticate, authorise, type Permission, type Principal } from '../auth.ts'
import { CodedError } from '../errors.ts'
import type { Logger } from '../logging/logging.ts'
import type { Operation, SocketDescription } from '../operations/operation.ts'
import type { RateLimits } from '../rate-limit/index.ts'
import { createTrust } from './trust.ts'

/** A WebSocket endpoint. The table of endpoints is also the sockets' table of permissions. */
export interface SocketRoute {
  operation: Operation<SocketDescription>
  path: string
  access: Permission
  /** The subprotocol that a client may offer, next to one that carries its token. */
  protocol: string
  /** Takes over a socket whose caller is authenticated and authorised. */
  accept(socket: WebSocket, caller: Caller): void
}

/** `credential` is a hash that distinguishes callers by their credential. */
export interface Caller {
  principal: Principal
  credential: string
}

export interface UpgradeOptions {
  authenticate: Authenticate
  trustedProxies: string[]
  /** A socket is charged once, when it is opened. */
  limits: RateLimits
  log: Logger
}

export type UpgradeHandler = (req: IncomingMessage, socket: Duplex, head: Buffer) => void

/** The close codes that clients receive. */
export const closeCodes = {
  goingAway: 1001,
  tryAgainLater: 1013,
  notSignedIn: 4001,
  notAllowed: 4003,
} as const

// Clients send `ping` or short texts.
const maxMessageBytes = 4096
const tokenProtocol = 'authorization.bearer.'

/**
 * The handler of all WebSocket upgrades. Browsers cannot set headers on a handshake, so the token is in the query or in
 * a subprotocol. Browsers cannot see why a handshake was refused either, so a socket with a bad token is accepted and
 * closed with 4001. Cookies are ignored, since pages of other sites could use them.
 */
export function createUpgrades(routes: readonly SocketRoute[], options: UpgradeOptions): UpgradeHandler {
  const servers = new Map(routes.map((route) => [route.path, { route, server: serverOf(route) }]))
  const addressOf = createTrust(options.trustedProxies)

  async function upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const url = URL.parse(req.url ?? '/', 'http://localhost')
    const endpoint = servers.get(url?.pathname.replace(/\/$/, '') ?? '')
    if (url === null || endpoint === undefined) return refuse(socket, '404 Not Found')
    const { route, server } = endpoint
    const request = { access: route.access, token: tokenOf(req, url), address: addressOf(req) }
    const verdict = await authenticateSocket(options, request)
    if (socket.destroyed) return
    server.handleUpgrade(req, socket, head, (ws) => {
      ws.on('error', () => ws.terminate())
      if ('principal' in verdict) route.accept(ws, verdict)
      else ws.close(verdict.code, verdict.reason)
    })
  }

  return (req, socket, head) => {
    socket.on('error', () => socket.destroy())
    upgrade(req, socket, head).catch((error: unknown) => {
      options.log.error({ err: error }, 'a WebSocket upgrade failed')
      refuse(socket, '500 Internal Server Error')
    })
  }
}

type Verdict = Caller | { code: number; reason: string }

/** Authenticates, charges and authorises a caller; a bad credential is charged to the client's address. */
async function authenticateSocket(
  { authenticate, limits, log }: UpgradeOptions,
  request: { access: Permission; token: string | undefined; address: string },
): Promise<Verdict> {
  const { access, token, address } = request
  try {
    const principal = await principalOf(authenticate, token, address)
    await limits.charge(principal === undefined ? { address } : { principal })
    if (token === undefined)
      return { code: closeCodes.notSignedIn, reason: 'No authentication token provided' }
    if (principal === undefined) return { code: closeCodes.notSignedIn, reason: 'Invalid or expired token' }
    authorise(access, principal)
    return { principal, credential: digestOf(token) }
  } catch (error) {
    if (error instanceof CodedError && error.status === 403)
      return { code: closeCodes.notAllowed, reason: 'Not allowed' }
    if (!(error instanceof CodedError)) log.warn({ err: error }, 'a socket could not be authenticated')
    return { code: closeCodes.tryAgainLater, reason: 'Try again later' }
  }
}

async function principalOf(
  authenticate: Authenticate,
  token: string | undefined,
  address: string,
): Promise<Principal | undefined> {
  if (token === undefined) return undefined
  try {
    return await authenticate({ headers: { authorization: `Bearer ${token}` }, method: 'GET', address })
  } catch (error) {
    if (error instanceof CodedError && error.status === 401) return undefined
    throw error
  }
}

const digestOf = (token: string) => createHash('sha256').update(token).digest('base64url')

function serverOf(route: SocketRoute): WebSocketServer {
  return new WebSocketServer({
    noServer: true,
    clientTracking: false,
    // The buffers of compression would need more memory per client than everything else.
    perMessageDeflate: false,
    maxPayload: maxMessageBytes,
    // Never the subprotocol with the token: the response appears in logs and tools.
    handleProtocols: (offered) => (offered.has(route.protocol) ? route.protocol : false),
  })
}

/** The token of a handshake. The subprotocol comes first, since queries appear in logs. */
function tokenOf(req: IncomingMessage, url: URL): string | undefined {
  const offered = (req.headers['sec-websocket-protocol'] ?? '').split(',').map((each) => each.trim())
  const carrier = offered.find((each) => each.startsWith(tokenProtocol))
  if (carrier !== undefined) return carrier.slice(tokenProtocol.length)
  const bearer = /^bearer +(.+)$/i.exec(req.headers.authorization ?? '')?.[1]
  return bearer ?? url.searchParams.get('token') ?? undefined
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}
