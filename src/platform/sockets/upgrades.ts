import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { type Authenticate, authorise, type Permission, type Principal } from '../auth.ts'
import { CodedError } from '../errors.ts'
import type { Logger } from '../logging/logging.ts'
import type { RateLimits } from '../rate-limit/index.ts'
import { createTrust } from './trust.ts'

/** A path that is spoken to by WebSocket: the table of these is the sockets' table of permissions. */
export interface SocketRoute {
  path: string
  access: Permission
  /** The subprotocol that a client may name, beside one that carries its token. */
  protocol: string
  /** Takes over a socket whose caller is known and allowed. */
  accept(socket: WebSocket, caller: Caller): void
}

/** `credential` tells callers apart by what they showed, without showing it. */
export interface Caller {
  principal: Principal
  credential: string
}

export interface UpgradeOptions {
  authenticate: Authenticate
  trustedProxies: string[]
  /** An open socket counts once, when it is opened. */
  limits: RateLimits
  log: Logger
}

export type UpgradeHandler = (req: IncomingMessage, socket: Duplex, head: Buffer) => void

/** What a client is told by the code that its socket is closed with. */
export const closeCodes = {
  goingAway: 1001,
  tryAgainLater: 1013,
  notSignedIn: 4001,
  notAllowed: 4003,
} as const

// Clients say `ping`, or little else.
const maxMessageBytes = 4096
const tokenProtocol = 'authorization.bearer.'

/**
 * The one entry of WebSockets. A browser can't set a header on a handshake: the token comes in the query or as a
 * subprotocol. Browsers also can't see why a handshake was refused, so a bad token is accepted and closed with 4001.
 * Cookies do not count: other sites' pages could use them.
 */
export function createUpgrades(routes: readonly SocketRoute[], options: UpgradeOptions): UpgradeHandler {
  const servers = new Map(routes.map((route) => [route.path, { route, server: serverOf(route) }]))
  const addressOf = createTrust(options.trustedProxies)

  async function upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const url = URL.parse(req.url ?? '/', 'http://localhost')
    const known = servers.get(url?.pathname.replace(/\/$/, '') ?? '')
    if (url === null || known === undefined) return refuse(socket, '404 Not Found')
    const { route, server } = known
    const about = { access: route.access, token: tokenOf(req, url), address: addressOf(req) }
    const verdict = await judge(options, about)
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
      options.log.error({ err: error }, 'an upgrade failed')
      refuse(socket, '500 Internal Server Error')
    })
  }
}

type Verdict = Caller | { code: number; reason: string }

/** A bad credential is paid for by its address. */
async function judge(
  { authenticate, limits, log }: UpgradeOptions,
  about: { access: Permission; token: string | undefined; address: string },
): Promise<Verdict> {
  const { access, token, address } = about
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
    // Its buffers would cost more memory per client than everything else.
    perMessageDeflate: false,
    maxPayload: maxMessageBytes,
    // Never the one with the token: what is answered shows in logs and tools.
    handleProtocols: (offered) => (offered.has(route.protocol) ? route.protocol : false),
  })
}

/** The subprotocol first: a query ends up in logs. */
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
