import { randomUUID } from 'node:crypto'
import type { Express, NextFunction, Request, Response } from 'express'
import type { Logger } from '../../logging/logging.ts'
import { logAccess } from '../access-log.ts'
import { securityHeaders } from '../protection/security-headers.ts'

const acceptableId = /^[A-Za-z0-9._-]{1,128}$/

/** Names and values in alternation, as `writeHead` accepts them. */
type FlatHeaders = string[]

/** Headers that are added when the response is written: the frame's and those of the rate limit. */
class WaitingHeaders {
  readonly flat: FlatHeaders
  readonly #names: ReadonlySet<string>

  constructor(flat: FlatHeaders, names: ReadonlySet<string>) {
    this.flat = flat
    this.#names = names
  }

  /** The waiting headers whose names are not in `headers`. */
  beside(headers: FlatHeaders): FlatHeaders {
    let own: Set<string> | undefined
    for (let at = 0; at < headers.length; at += 2) {
      const name = headers[at]?.toLowerCase() ?? ''
      if (this.#names.has(name)) own = (own ?? new Set()).add(name)
    }
    if (own === undefined) return this.flat
    const left: FlatHeaders = []
    for (let at = 0; at < this.flat.length; at += 2) {
      const [name = '', value = ''] = [this.flat[at], this.flat[at + 1]]
      if (!own.has(name.toLowerCase())) left.push(name, value)
    }
    return left
  }

  setHeader(name: string, value: string | number): void {
    this.flat.push(name, String(value))
  }
}

/** Keeps shared caches from serving one caller's response to another: credentials may be in any header. */
const privateResponse = ['Cache-Control', 'private, no-cache'] as const

/**
 * Adds to every response a request id (a well-formed `X-Request-Id` is kept), the security headers and a line in the
 * access log. The headers are added when the head is written and the response has not set its own: setting them one by
 * one beforehand cost a busy route a tenth of its time.
 */
export function frame(app: Express, options: { log: Logger; secure: boolean }) {
  const security = [...securityHeaders(options.secure), privateResponse]
  const always = security.flat()
  const names = new Set(security.map(([name]) => name.toLowerCase()))
  const { writeHead } = app.response
  app.response.writeHead = function writeFramedHead(this: Response, ...args: unknown[]) {
    const waiting = waitingHeaders(this)
    if (waiting !== undefined && !this.headersSent) addMissing(this, waiting.flat)
    return Reflect.apply(writeHead, this, args)
  } as typeof writeHead
  return (req: Request, res: Response, next: NextFunction) => {
    const given = req.headers['x-request-id']
    const id = typeof given === 'string' && acceptableId.test(given) ? given : randomUUID()
    res.locals.correlationId = id
    res.locals.waitingHeaders = new WaitingHeaders(always.concat('X-Request-Id', id), names)
    logAccess(options.log, req, res)
    next()
  }
}

function addMissing(res: Response, flat: FlatHeaders): void {
  for (let at = 0; at < flat.length; at += 2) {
    const [name = '', value = ''] = [flat[at], flat[at + 1]]
    if (!res.hasHeader(name)) res.setHeader(name, value)
  }
}

/** The headers that are added when the response is written; undefined outside the frame. */
export function waitingHeaders(res: Response): WaitingHeaders | undefined {
  return res.locals.waitingHeaders
}

export function correlationIdOf(res: Response): string {
  return String(res.locals.correlationId)
}
