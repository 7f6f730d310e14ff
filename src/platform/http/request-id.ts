import { randomUUID } from 'node:crypto'
import type { NextFunction, Request, Response } from 'express'

const acceptable = /^[A-Za-z0-9._-]{1,128}$/

/** Takes a well-formed `X-Request-Id` over, makes one otherwise, and answers it. */
export function requestId(req: Request, res: Response, next: NextFunction): void {
  const given = req.get('x-request-id')
  const id = given !== undefined && acceptable.test(given) ? given : randomUUID()
  res.locals.correlationId = id
  res.setHeader('X-Request-Id', id)
  next()
}

export function correlationIdOf(res: Response): string {
  return String(res.locals.correlationId)
}
