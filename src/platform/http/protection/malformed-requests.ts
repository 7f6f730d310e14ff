import { randomUUID } from 'node:crypto'
import type { Server } from 'node:http'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type CodedError, errorEnvelope, malformed, tooLarge } from '../../errors.ts'
import type { Logger } from '../../logging/logging.ts'
import { securityHeaders } from './security-headers.ts'

/**
 * Of the request line and all headers together. Users of an identity provider can have hundreds of groups, which it
 * forwards in a header of up to 64 KiB; the rest is for the other headers.
 */
export const maxHeaderBytes = 65 * 1024

/** How long a client may go on sending after the answer: a connection that is reset at once can lose the answer. */
const lingerMs = 1000

/**
 * Answers requests that the HTTP parser refuses, which never reach the application, in the one error envelope, and
 * closes their connections. Headers that are too large are logged: their sender sees them grow with its users.
 */
export function answerMalformedRequests(server: Server, log: Logger | undefined): void {
  const answering = new WeakSet<Duplex>()
  const answered = new WeakSet<Duplex>()
  server.on('request', (req, res) => {
    answering.add(req.socket)
    res.once('close', () => answering.delete(req.socket))
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    // What follows on a connection that was answered is of no interest.
    if (answered.has(socket)) return
    answered.add(socket)
    // In the middle of an earlier request's answer nothing else can be said.
    if (error.code === 'ECONNRESET' || !socket.writable || answering.has(socket)) {
      socket.destroy()
      return
    }
    const refusal = refusalOf(error.code)
    const correlationId = randomUUID()
    if (refusal.status === 431) {
      const address = socket instanceof Socket ? socket.remoteAddress : undefined
      log?.warn({ correlationId, status: 431, address }, 'request refused: its headers are too large')
    }
    socket.on('error', () => socket.destroy())
    socket.end(textOf(refusal, correlationId))
    socket.resume()
    const timer = setTimeout(() => socket.destroy(), lingerMs)
    socket.once('close', () => clearTimeout(timer))
  })
}

function refusalOf(code: string | undefined): CodedError {
  if (code === 'HPE_HEADER_OVERFLOW') {
    const message = `The request's headers are larger than ${maxHeaderBytes / 1024} KiB together`
    return tooLarge(message, { status: 431, suggestedAction: 'Send smaller headers' })
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return malformed('The request did not arrive in time', { status: 408, retryable: true })
  return malformed('The request is not well-formed HTTP')
}

const statusTexts: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
}

function textOf(refusal: CodedError, correlationId: string): string {
  const body = JSON.stringify(errorEnvelope(refusal, correlationId))
  const headers = [
    ['Content-Type', 'application/json; charset=utf-8'],
    ['Content-Length', String(Buffer.byteLength(body))],
    ['Connection', 'close'],
    ['X-Request-Id', correlationId],
    ['Cache-Control', 'no-store'],
    ...securityHeaders(false),
  ]
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return `HTTP/1.1 ${refusal.status} ${statusTexts[refusal.status]}\r\n${lines}\r\n${body}`
}
