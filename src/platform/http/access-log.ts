import type { Request, Response } from 'express'
import type { Logger } from '../logging/logging.ts'

/**
 * Logs one line per request with the route's pattern, since a raw path or query may contain a badge token or a key.
 * Streams are logged when they end; health probes are not logged.
 */
export function logAccess(log: Logger, req: Request, res: Response): void {
  if (req.url === '/health' || req.url === '/health/ready') return
  const startedAt = performance.now()
  // `close` also occurs if the client disconnects before the response is complete.
  res.once('close', () => {
    const line = {
      correlationId: res.locals.correlationId,
      durationMs: Math.round(performance.now() - startedAt),
      method: req.method,
      route: req.route?.path ?? 'unknown',
      status: res.statusCode,
      principal: res.locals.principal,
    }
    if (res.statusCode >= 500) log.warn(line, 'request')
    else log.info(line, 'request')
  })
}
