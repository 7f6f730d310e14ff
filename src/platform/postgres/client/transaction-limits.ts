import type { Knex } from 'knex'
import { propertiesOf } from '../../thrown.ts'

/**
 * How long a transaction may stand still between two statements. The locks of one whose connection was cut there are
 * released after this, also where nobody can end its session; so it is less than half of what a recovery may take:
 * another transaction may have waited for those locks, on a connection that was cut, too.
 */
const idleTransactionMs = 6000
/** The server's limit comes after ours, so that a query fails in one way; it counts where our cancellation is lost. */
const serverDelayMs = 2000
/** What the setting holds. */
const maxTimeoutMs = 2 ** 31 - 1
const begin = /^begin\b[^;]*(?=;?\s*$)/i

/**
 * Adds the server's limits to the query that begins a transaction; undefined for any other query. In each transaction
 * and not for the connection: a pooler refuses settings at its start, and keeps none.
 */
export function boundedBegin(query: unknown, limitMs: number): { text: string } | undefined {
  const text = typeof query === 'string' ? query : propertiesOf(query).text
  const found = typeof text === 'string' ? begin.exec(text) : null
  if (found === null) return undefined
  const statementMs = Math.min(Math.ceil(limitMs) + serverDelayMs, maxTimeoutMs)
  const bounded =
    `${found[0]}; set local idle_in_transaction_session_timeout = ${idleTransactionMs}` +
    `; set local statement_timeout = ${statementMs}`
  // As text alone: a query with values can't hold several statements.
  return { text: bounded }
}

/**
 * Lets a transaction stand still for longer, while it waits for somebody else's answer. Its locks are held for that long
 * when the connection is cut meanwhile. To be called before the wait.
 * @param ms milliseconds; 0: without a limit
 */
export async function allowIdle(trx: Knex.Transaction, ms: number): Promise<void> {
  await trx.raw(`set local idle_in_transaction_session_timeout = ${Math.ceil(ms)}`)
}
