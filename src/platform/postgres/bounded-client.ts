import { AsyncLocalStorage } from 'node:async_hooks'
import pg from 'pg'
import { cancelQuery } from './cancel.ts'

export interface ClientLimits {
  /** Milliseconds from sending a query to its last row. */
  queryMs: number
}

/** Milliseconds of silence after which the operating system asks whether the other side still exists. */
const keepAliveDelayMs = 10_000

/** What every connection to PostgreSQL is opened with. The first limit is for all until the first query can be sent. */
export const connectionLimits = {
  connectionTimeoutMillis: 5000,
  keepAlive: true,
  keepAliveInitialDelayMillis: keepAliveDelayMs,
} as const

/** Milliseconds that a server may take to close a connection at our request. */
const endLimitMs = 2000
/** Milliseconds in which a server that works answers a query that needs nothing. */
const checkLimitMs = 4000
/** A connection that answered this recently needs no check before it is used. */
const trustedMs = 2000

/** The connection was silent for longer than a query may take; it is no longer usable. */
class DatabaseSilent extends Error {
  override name = 'DatabaseSilent'
  readonly code = 'ETIMEDOUT'
}

const raisedLimit = new AsyncLocalStorage<number>()

/**
 * Runs work whose single queries may take longer than the connection's own limit, such as bulk deletions. A transaction
 * has to begin inside: the limit at its beginning is the server's limit for all its statements.
 */
export function withQueryLimit<T>(queryMs: number, work: () => Promise<T>): Promise<T> {
  return raisedLimit.run(queryMs, work)
}

/** All connections of this process, by server: they lead through the same network path. */
const connected = new Map<string, Set<BoundedClient>>()

/**
 * A connection on which no wait is without a limit. A limit on the server (`statement_timeout`) can't help where the
 * server, or what lies between, is silent.
 *
 * A query that exceeds its limit ends its connection. When even a check was not answered, all connections to that
 * server which have been silent since then end as well: to wait for each in turn would multiply the outage. Those whose
 * query has a raised limit stay: silence is expected of them.
 */
export class BoundedClient extends pg.Client {
  readonly #limits: ClientLimits
  readonly #server: string
  #pending = 0
  /** How many of these may take longer than the connection's own limit. */
  #raised = 0
  /** Unset until the connection is ready for queries. */
  #answeredAt: number | undefined

  constructor(config: pg.ClientConfig, limits: ClientLimits) {
    super(config)
    this.#limits = limits
    this.#server = `${this.host}:${this.port}`
    // A pool does not listen to connections that are in use; an unheard error would end the process. The query
    // fails as well, and the pool drops the connection.
    this.on('error', () => undefined)
    this.once('connect', () => {
      this.#answeredAt = performance.now()
      const others = connected.get(this.#server) ?? new Set()
      connected.set(this.#server, others.add(this))
    })
    this.once('end', () => {
      const others = connected.get(this.#server)
      others?.delete(this)
      if (others?.size === 0) connected.delete(this.#server)
    })
    this.#limitQueries()
    this.#limitEnd()
  }

  /** Asks the server for a sign of life unless it has just given one. False: the connection is closed. */
  async isAlive(): Promise<boolean> {
    if (performance.now() - (this.#answeredAt ?? 0) < trustedMs) return true
    const sentAt = performance.now()
    try {
      await withQueryLimit(checkLimitMs, () => this.query('select 1'))
      return true
    } catch (error) {
      if (error instanceof DatabaseSilent) {
        for (const other of connected.get(this.#server) ?? [])
          if (other.#raised === 0 && (other.#answeredAt ?? sentAt) < sentAt) other.#discard(error)
      }
      return false
    }
  }

  #limitQueries(): void {
    const { query } = this
    this.query = ((...args: unknown[]) => {
      const limitMs = raisedLimit.getStore() ?? this.#limits.queryMs
      let answered = false
      const timer = setTimeout(() => {
        // An answer that came while this process was busy is still to be read.
        setImmediate(() => {
          if (!answered) void this.#expire(limitMs, () => answered)
        })
      }, limitMs)
      const raised = limitMs > this.#limits.queryMs ? 1 : 0
      this.#pending += 1
      this.#raised += raised
      return follow(
        (given) => Reflect.apply(query, this, given),
        boundTransaction(args, limitMs),
        () => {
          answered = true
          clearTimeout(timer)
          this.#pending -= 1
          this.#raised -= raised
          this.#answeredAt = performance.now()
        },
      )
    }) as typeof query
  }

  async #expire(limitMs: number, isAnswered: () => boolean): Promise<void> {
    // The server does not notice a closed connection while its query waits for a lock, and would keep the process.
    // First, since a pooler forgets with the connection which query it belongs to.
    await cancelQuery(this)
    if (isAnswered()) return
    this.#discard(new DatabaseSilent(`the database did not answer within ${limitMs} ms`))
    // It may have been a slow query only: the others tell.
    for (const other of connected.get(this.#server) ?? []) if (other.#pending === 0) void other.isAlive()
  }

  #discard(error: Error): void {
    this.connection.stream.destroy(error)
  }

  #limitEnd(): void {
    const { end } = this
    this.end = ((...args: unknown[]) => {
      const timer = setTimeout(() => this.connection.stream.destroy(), endLimitMs)
      this.once('end', () => clearTimeout(timer))
      return Reflect.apply(end, this, args)
    }) as typeof end
  }
}

/** Sends a query in any of the driver's forms. Streams (`COPY`) take as long as they need. */
function follow(send: (args: unknown[]) => unknown, args: unknown[], settle: () => void): unknown {
  const last = args.at(-1)
  if (typeof last === 'function') {
    const answered = (...results: unknown[]) => {
      settle()
      Reflect.apply(last, undefined, results)
    }
    return send([...args.slice(0, -1), answered])
  }
  const result = send(args)
  if (result instanceof Promise) result.then(settle, settle)
  else settle()
  return result
}

/** No transaction of a frozen process may hold its locks for longer. */
const idleTransactionMs = 60_000
/** The server's limit comes after ours, so that a query fails in one way; it counts where our cancellation is lost. */
const serverDelayMs = 2000
/** What the setting holds. */
const maxTimeoutMs = 2 ** 31 - 1
const begin = /^begin\b[^;]*(?=;?\s*$)/i

/** In each transaction and not for the connection: a pooler refuses settings at its start, and keeps none. */
function boundTransaction([query, ...rest]: unknown[], limitMs: number): unknown[] {
  const text = typeof query === 'string' ? query : (query as { text?: unknown } | null)?.text
  const found = typeof text === 'string' ? begin.exec(text) : null
  if (found === null) return [query, ...rest]
  const statementMs = Math.min(Math.ceil(limitMs) + serverDelayMs, maxTimeoutMs)
  const bounded =
    `${found[0]}; set local idle_in_transaction_session_timeout = ${idleTransactionMs}` +
    `; set local statement_timeout = ${statementMs}`
  // As text alone: a query with values can't hold several statements.
  return [{ text: bounded }, ...rest]
}

/** The class for a pool that makes its connections itself. */
export function boundedClient(limits: ClientLimits): typeof pg.Client {
  return class extends BoundedClient {
    constructor(config: string | pg.ClientConfig = {}) {
      super(typeof config === 'string' ? { connectionString: config } : config, limits)
    }
  }
}

/** For a pool, before it lends a connection out. */
export const isAlive = (client: unknown): boolean | Promise<boolean> =>
  !(client instanceof BoundedClient) || client.isAlive()
