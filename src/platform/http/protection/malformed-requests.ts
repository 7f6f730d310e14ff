import { randomUUID } from 'node:crypto'
import type { Server } from 'node:http'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type CodedError, errorEnvelope, malformed, tooLarge } from '../../errors.ts'
import type { Logger } from '../../logging/logging.ts'
import { securityHeaders } from './security-headers.ts'

/**
 * The limit for the request line and all headers together. An identity provider may forward hundreds of groups of a
 * user in a header of up to 64 KiB; the rest is for the other headers.
 */
export const maxHeaderBytes = 65 * 1024

/** The time for which the connection stays open after the response: an immediate reset may lose the response. */
const lingerMs = 1000

/**
 * Responds in the error envelope to requests that the HTTP parser rejects and that never reach the application, and
 * closes their connections. Headers that are too large are logged, since they grow with the users of a proxy.
 */
export function answerMalformedRequests(server: Server, log: Logger | undefined): void {
  const answering = new WeakSet<Duplex>()
  const answered = new WeakSet<Duplex>()
  server.on('request', (req, res) => {
    answering.add(req.socket)
    res.once('close', () => answering.delete(req.socket))
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    // The connection is already being closed; further input is ignored.
    if (answered.has(socket)) return
    answered.add(socket)
    // A second response cannot be written while the response to an earlier request is being sent.
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
    return malformed('The request did not arrive in time', {
      status: 408,
      retryable: true,
      suggestedAction: 'Send the whole request without pauses',
    })
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
