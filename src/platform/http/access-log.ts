import type { NextFunction, Request, Response } from 'express'
import type { Logger } from '../logging.ts'
import { correlationIdOf } from './request-id.ts'

/**
 * One line a request, by route pattern: a raw path or query may hold a badge token or a key. Streams log at
 * their end. Probes are left out.
 */
export function accessLog(log: Logger) {
  return (req: Request, res: Response, next: NextFunction) => {
    if (req.url === '/health' || req.url === '/health/ready') return next()
    const startedAt = performance.now()
    // Also when the client left before the answer was whole.
    res.once('close', () => {
      const line = {
        correlationId: correlationIdOf(res),
        durationMs: Math.round(performance.now() - startedAt),
        method: req.method,
        route: req.route?.path ?? 'unknown',
        status: res.statusCode,
        principal: res.locals.principal,
      }
      if (res.statusCode >= 500) log.warn(line, 'request')
      else log.info(line, 'request')
    })
    next()
  }
}
