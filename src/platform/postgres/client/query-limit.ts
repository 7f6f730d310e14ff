import { AsyncLocalStorage } from 'node:async_hooks'

/** Milliseconds that a query may take unless it is known to take longer; less than a recovery may take. */
export const queryLimitMs = 10_000
/** Milliseconds: a migration may rewrite a large table, or wait for another process that does. */
export const migrationLimitMs = 3_600_000

const raisedLimit = new AsyncLocalStorage<number>()

/**
 * Runs work whose single queries may take longer than the connection's own limit, such as bulk deletions. A transaction
 * has to begin inside, and to end inside: the limit at its beginning is the server's limit for all its statements, and
 * its commit may take as long as any of them. A connection refuses queries of a transaction that began outside.
 * @param queryMs milliseconds for each query
 */
export function withQueryLimit<T>(queryMs: number, work: () => Promise<T>): Promise<T> {
  return raisedLimit.run(queryMs, work)
}

/** Milliseconds that a query which is sent now may take, on a connection with this limit of its own. */
export const queryLimitOr = (ownMs: number): number => raisedLimit.getStore() ?? ownMs
