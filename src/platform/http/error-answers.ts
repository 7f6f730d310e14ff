import type { ErrorRequestHandler, NextFunction, Request, Response } from 'express'
import { challenge } from '../auth.ts'
import {
  CodedError,
  errorEnvelope,
  internalError,
  malformed,
  outOfDiskSpace,
  tooLarge,
  unavailable,
  unsupportedMediaType,
} from '../errors.ts'
import type { Logger } from '../logging/logging.ts'
import { isDiskFull } from '../postgres/disk-full.ts'
import { type DatabaseFault, databaseFaultOf } from '../postgres/index.ts'
import { propertiesOf } from '../thrown.ts'
import { correlationIdOf } from './routing/frame.ts'

/** Turns errors into responses. The response to an error without a code discloses no internal details. */
export function answerErrors(log: Logger): ErrorRequestHandler {
  return (error: unknown, _req: Request, res: Response, next: NextFunction) => {
    const coded = toCoded(error)
    if (coded.status >= 500) {
      const fields = { code: coded.code, correlationId: correlationIdOf(res) }
      // A deliberate refusal without a cause is not a fault of the service; its stack is not useful.
      if (error instanceof CodedError && error.cause === undefined && coded.code !== 'SYS_001')
        log.warn({ ...fields, reason: error.message }, 'request refused')
      else log.error({ ...fields, err: error }, 'request failed')
    }
    if (res.headersSent) {
      // Express closes the connection, so that the client sees an incomplete response and not a complete one.
      next(error)
      return
    }
    const { headers, retryAfter } = coded.options
    if (coded.status === 401) res.set(challenge)
    if (headers !== undefined) res.set(headers)
    if (retryAfter !== undefined) res.set('Retry-After', String(retryAfter))
    res.status(coded.status).json(errorEnvelope(coded, correlationIdOf(res)))
  }
}

const faultTexts: Record<DatabaseFault, string> = {
  unreachable: 'the database is unreachable',
  timeout: 'the database does not answer in time',
  read_only: 'the database is read-only',
  too_many_connections: 'the database has no free connection',
  disk_full: 'the database has no disk space left',
  out_of_memory: 'the database has no memory left',
}

function toCoded(error: unknown): CodedError {
  if (error instanceof CodedError) return error
  if (isDiskFull(error)) return outOfDiskSpace(error)
  const fault = databaseFaultOf(error)
  if (fault !== undefined) {
    const options = { retryAfter: 2, cause: error, details: { reason: fault } }
    return unavailable(`The service is temporarily unavailable: ${faultTexts[fault]}`, options)
  }
  const { type, status } = propertiesOf(error)
  if (type === 'entity.too.large') return tooLarge('The body is too large')
  if (type === 'entity.parse.failed') return malformed('The body is not well-formed JSON')
  if (type === 'encoding.unsupported' || type === 'charset.unsupported')
    return unsupportedMediaType('The encoding of the body is not supported')
  if (typeof status === 'number' && status >= 400 && status < 500)
    return malformed('The request is malformed')
  return internalError('Internal server error', { cause: error })
}
