import { errorCode } from '../thrown.ts'

/** Thrown if a query got no answer within its limit; its connection is closed. */
export class DatabaseSilent extends Error {
  override name = 'DatabaseSilent'
  readonly code = 'ETIMEDOUT'
}

/** A temporary fault of the database: the same request can succeed later. */
export type DatabaseFault =
  | 'unreachable'
  | 'timeout'
  | 'read_only'
  | 'too_many_connections'
  | 'disk_full'
  | 'out_of_memory'

/** By prefix of the SQLSTATE, longer prefixes first: https://www.postgresql.org/docs/current/errcodes-appendix.html */
const faultsBySqlState: [string, DatabaseFault][] = [
  ['25006', 'read_only'],
  ['53100', 'disk_full'],
  ['53200', 'out_of_memory'],
  ['53', 'too_many_connections'],
  // A statement or transaction exceeded its limit; nothing else cancels Capstan's statements.
  ['57014', 'timeout'],
  ['25P03', 'timeout'],
  // The server is shutting down or starting, or an operator ended the session.
  ['57P0', 'unreachable'],
  ['08', 'unreachable'],
]

const faultsBySystemCode: Record<string, DatabaseFault> = {
  ECONNREFUSED: 'unreachable',
  ECONNRESET: 'unreachable',
  EPIPE: 'unreachable',
  ENOTFOUND: 'unreachable',
  EAI_AGAIN: 'unreachable',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  ETIMEDOUT: 'timeout',
}

/** The faults by message, for errors of the driver and the pool that have no code. */
const faultsByMessage: [RegExp, DatabaseFault][] = [
  [/Connection terminated|Connection ended|not queryable/i, 'unreachable'],
  [/timeout expired|connection timeout/i, 'timeout'],
]

/** The reason why the database is unavailable; undefined for errors that repeating the request would not change. */
export function databaseFaultOf(error: unknown): DatabaseFault | undefined {
  if (!(error instanceof Error)) return undefined
  const code = errorCode(error)
  if (typeof code === 'string') {
    const found =
      faultsBySystemCode[code] ?? faultsBySqlState.find(([prefix]) => code.startsWith(prefix))?.[1]
    // Poolers also use `08P01` for their own limits.
    if (found !== undefined && /^(?:E[A-Z_]+|[0-9A-Z]{5})$/.test(code)) return found
  }
  if (error.name === 'KnexTimeoutError') return 'timeout'
  const matched = faultsByMessage.find(([pattern]) => pattern.test(error.message))
  if (matched !== undefined) return matched[1]
  if (!(error instanceof AggregateError)) return undefined
  return error.errors.map(databaseFaultOf).find((fault) => fault !== undefined)
}

/** True for temporary faults: the database is unreachable, restarting, read-only or out of resources. */
export function isDatabaseUnavailable(error: unknown): boolean {
  return databaseFaultOf(error) !== undefined
}
