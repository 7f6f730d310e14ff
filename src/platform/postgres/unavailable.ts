import { errorCode } from '../thrown.ts'

/** A connection was silent for longer than a query may take; it is no longer usable. */
export class DatabaseSilent extends Error {
  override name = 'DatabaseSilent'
  readonly code = 'ETIMEDOUT'
}

/** Why the database can't serve just now. Each passes without a change of the request. */
export type DatabaseFault =
  | 'unreachable'
  | 'timeout'
  | 'read_only'
  | 'too_many_connections'
  | 'disk_full'
  | 'out_of_memory'

/** By SQLSTATE, the longest prefix first: https://www.postgresql.org/docs/current/errcodes-appendix.html */
const states: [string, DatabaseFault][] = [
  ['25006', 'read_only'],
  ['53100', 'disk_full'],
  ['53200', 'out_of_memory'],
  ['53', 'too_many_connections'],
  // A statement or a transaction that exceeded its limit. Ours are cancelled by nobody else.
  ['57014', 'timeout'],
  ['25P03', 'timeout'],
  // Shutting down, starting up, or ended by an operator.
  ['57P0', 'unreachable'],
  ['08', 'unreachable'],
]

const sockets: Record<string, DatabaseFault> = {
  ECONNREFUSED: 'unreachable',
  ECONNRESET: 'unreachable',
  EPIPE: 'unreachable',
  ENOTFOUND: 'unreachable',
  EAI_AGAIN: 'unreachable',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  ETIMEDOUT: 'timeout',
}

/** What the driver and the pool say without a code. */
const messages: [RegExp, DatabaseFault][] = [
  [/Connection terminated|Connection ended|not queryable/i, 'unreachable'],
  [/timeout expired|connection timeout/i, 'timeout'],
]

/** The reason why the database is unavailable; undefined for errors that repeating the request would not change. */
export function databaseFaultOf(error: unknown): DatabaseFault | undefined {
  if (!(error instanceof Error)) return undefined
  const code = errorCode(error)
  if (typeof code === 'string') {
    const found = sockets[code] ?? states.find(([prefix]) => code.startsWith(prefix))?.[1]
    // `08P01` from a pooler also stands for its own limits.
    if (found !== undefined && /^(?:E[A-Z_]+|[0-9A-Z]{5})$/.test(code)) return found
  }
  if (error.name === 'KnexTimeoutError') return 'timeout'
  const said = messages.find(([pattern]) => pattern.test(error.message))
  if (said !== undefined) return said[1]
  if (!(error instanceof AggregateError)) return undefined
  return error.errors.map(databaseFaultOf).find((fault) => fault !== undefined)
}

/** True for faults that pass by themselves: the database is unreachable, restarting, read-only or out of resources. */
export function isDatabaseUnavailable(error: unknown): boolean {
  return databaseFaultOf(error) !== undefined
}
