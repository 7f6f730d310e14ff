import type { Knex } from 'knex'
import { propertiesOf } from '../../thrown.ts'

/**
 * Milliseconds that a transaction may be idle between two statements. Releases the locks of a transaction whose
 * connection was cut there, even if its session can't be ended. Less than half of the recovery limit, because another
 * transaction with a cut connection may have waited for the same locks.
 */
const idleTransactionMs = 6000
/** Milliseconds from the client's limit to the server's, which counts only if the client's cancellation is lost. */
const serverDelayMs = 2000
/** The maximum value of PostgreSQL's timeout settings. */
const maxTimeoutMs = 2 ** 31 - 1
const begin = /^begin\b[^;]*(?=;?\s*$)/i

/**
 * Adds the server's limits to the query that begins a transaction; undefined for any other query. The limits are set
 * per transaction, because a pooler refuses settings at the start of a connection and keeps none.
 */
export function boundedBegin(query: unknown, limitMs: number): { text: string } | undefined {
  const text = typeof query === 'string' ? query : propertiesOf(query).text
  const found = typeof text === 'string' ? begin.exec(text) : null
  if (found === null) return undefined
  const statementMs = Math.min(Math.ceil(limitMs) + serverDelayMs, maxTimeoutMs)
  const bounded =
    `${found[0]}; set local idle_in_transaction_session_timeout = ${idleTransactionMs}` +
    `; set local statement_timeout = ${statementMs}`
  // Only text, without values: a query with values can't contain several statements.
  return { text: bounded }
}

const end = /^(?:commit|rollback(?! to))\b/i

/** True for the query that ends a transaction: its answer may arrive after the next query was sent. */
export const endsTransaction = (query: unknown): boolean => {
  const text = typeof query === 'string' ? query : propertiesOf(query).text
  return typeof text === 'string' && end.test(text)
}

/**
 * Allows a transaction to be idle for longer while it waits for another service. If its connection is cut meanwhile,
 * its locks are held for that long. Call it before the wait.
 * @param ms milliseconds; 0: no limit
 */
export async function allowIdle(trx: Knex.Transaction, ms: number): Promise<void> {
  await trx.raw(`set local idle_in_transaction_session_timeout = ${Math.ceil(ms)}`)
}
