import type { Request, Response } from 'express'
import type { Logger } from '../logging/logging.ts'

/**
 * One line a request, by route pattern: a raw path or query may hold a badge token or a key. Streams log at
 * their end. Probes are left out.
 */
export function logAccess(log: Logger, req: Request, res: Response): void {
  if (req.url === '/health' || req.url === '/health/ready') return
  const startedAt = performance.now()
  // Also when the client left before the answer was whole.
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
