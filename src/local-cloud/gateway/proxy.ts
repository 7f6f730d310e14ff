import {
  type ClientRequest,
  type IncomingMessage,
  request,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http'
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream'
import type { Lease } from '../runtime/slot.ts'
import { answerHeaders, versionHeader, workerHeaders } from './headers.ts'

/** `unreachable`: the Worker did not receive the request. `cut`: it may have received it but sent no response. */
export type Forwarded = 'done' | 'unreachable' | 'cut'

/** True for a request that may be repeated although an ending workerd may have received it: a safe method, no body. */
export const isRepeatable = ({ method, headers }: IncomingMessage) =>
  (method === 'GET' || method === 'HEAD' || method === 'OPTIONS') &&
  headers['content-length'] === undefined &&
  headers['transfer-encoding'] === undefined

function openRequest(req: IncomingMessage, lease: Lease, extra: Record<string, string> = {}): ClientRequest {
  return request({
    host: lease.url.hostname,
    port: lease.url.port,
    method: req.method,
    path: req.url,
    headers: { ...workerHeaders(req), ...extra, ...lease.gate },
    // A new loopback connection takes 0.1 ms. A pooled one could be one that workerd is about to close.
    agent: false,
    setHost: false,
  })
}

/** Streams a request to a Worker and its response to the client. Resolves when the exchange has ended. */
export function forward(req: IncomingMessage, res: ServerResponse, lease: Lease): Promise<Forwarded> {
  const { promise, resolve } = Promise.withResolvers<Forwarded>()
  const upstream = openRequest(req, lease)
  let connected = false
  upstream.on('socket', (socket) =>
    socket.once('connect', () => {
      connected = true
      req.pipe(upstream)
    }),
  )
  upstream.on('response', (answer) => {
    const headers = [...answerHeaders(answer), ...versionHeader(req, lease)]
    res.writeHead(answer.statusCode ?? 502, answer.statusMessage, headers)
    // Headers are sent immediately: an event stream may send no data for a long time.
    res.flushHeaders()
    pipeline(answer, res, () => resolve('done'))
  })
  upstream.on('error', () => {
    if (res.headersSent) res.destroy()
    resolve(!connected ? 'unreachable' : res.headersSent ? 'done' : 'cut')
  })
  res.on('close', () => {
    upstream.destroy()
    resolve('done')
  })
  return promise
}

export function refuse(res: ServerResponse, status: number, text: string): void {
  if (res.headersSent) return void res.destroy()
  res.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${text}\n`)
}

export function refuseUpgrade(socket: Duplex, status: number): void {
  const reason = STATUS_CODES[status] ?? ''
  socket.end(`HTTP/1.1 ${status} ${reason}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)
}

/** The connection of an upgrade request, with the bytes that followed the request head. */
export interface UpgradeClient {
  socket: Duplex
  head: Buffer
}

/** Forwards a protocol upgrade. Resolves when either side has closed its connection. */
export function forwardUpgrade(
  req: IncomingMessage,
  client: UpgradeClient,
  lease: Lease,
): Promise<Forwarded> {
  const { promise, resolve } = Promise.withResolvers<Forwarded>()
  const { socket } = client
  const upstream = openRequest(req, lease, {
    connection: 'Upgrade',
    upgrade: req.headers.upgrade ?? 'websocket',
  })
  let connected = false
  upstream.on('socket', (inner) =>
    inner.once('connect', () => {
      connected = true
    }),
  )
  upstream.on('upgrade', (answer, inner, head) => {
    lease.upgraded()
    socket.write(rawHead(answer, answer.rawHeaders))
    if (head.length > 0) socket.write(head)
    if (client.head.length > 0) inner.write(client.head)
    inner.pipe(socket)
    socket.pipe(inner)
    socket.on('data', () => lease.message())
    for (const [one, other] of [[inner, socket] as const, [socket, inner] as const]) {
      one.on('error', () => other.destroy())
      one.on('close', () => {
        other.destroy()
        resolve('done')
      })
    }
  })
  upstream.on('response', (answer) => {
    socket.write(rawHead(answer, [...answerHeaders(answer), 'connection', 'close']))
    pipeline(answer, socket, () => resolve('done'))
  })
  upstream.on('error', () => resolve(connected ? 'cut' : 'unreachable'))
  socket.on('close', () => {
    upstream.destroy()
    resolve('done')
  })
  upstream.end()
  return promise
}

function rawHead(answer: IncomingMessage, headers: string[]): string {
  const lines = [`HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}`]
  for (let at = 0; at < headers.length; at += 2) lines.push(`${headers[at]}: ${headers[at + 1]}`)
  return `${lines.join('\r\n')}\r\n\r\n`
}
