import { AsyncLocalStorage } from 'node:async_hooks'

/** Milliseconds that a query may take, unless `withQueryLimit` raises the limit; less than the recovery limit. */
export const queryLimitMs = 10_000
/** Milliseconds for a query of a migration, which may rewrite a large table or wait for another process's migration. */
export const migrationLimitMs = 3_600_000

const raisedLimit = new AsyncLocalStorage<number>()

/**
 * Runs work whose queries may take longer than the connection's own limit, such as bulk deletions. A transaction must
 * begin and end inside `work`: the limit at its beginning is the server's limit for all its statements, and its commit
 * may take as long as any of them. A connection refuses raised queries of a transaction that began outside.
 * @param queryMs milliseconds for each query
 */
export function withQueryLimit<T>(queryMs: number, work: () => Promise<T>): Promise<T> {
  return raisedLimit.run(queryMs, work)
}

/** Milliseconds that a query sent now may take: the raised limit, else `ownMs`, the connection's own limit. */
export const queryLimitOr = (ownMs: number): number => raisedLimit.getStore() ?? ownMs
