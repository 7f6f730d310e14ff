import pg from 'pg'
import { endSession } from './abandoned-sessions.ts'
import { cancelQuery } from './cancel.ts'
import { followQuery } from './follow-query.ts'
import { queryLimitOr, withQueryLimit } from './query-limit.ts'
import { boundedBegin } from './transaction-limits.ts'

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
/** Milliseconds without an answer after which it is asked whether the server answers at all. */
const suspiciousMs = 1500

/** The connection was silent for longer than a query may take; it is no longer usable. */
class DatabaseSilent extends Error {
  override name = 'DatabaseSilent'
  readonly code = 'ETIMEDOUT'
}

/** All connections of this process, by server: they lead through the same network path. */
const connected = new Map<string, Set<BoundedClient>>()
/** Servers that are being asked because a query takes long. */
const suspected = new Set<string>()

/**
 * A connection on which no wait is without a limit. A limit on the server (`statement_timeout`) can't help where the
 * server, or what lies between, is silent.
 *
 * A query that exceeds its limit ends its connection. When even a check was not answered, all connections to that
 * server which have been silent since then end as well: to wait for each in turn would multiply the outage. Those whose
 * query has a raised limit stay: silence is expected of them. A query that takes long has an idle connection checked.
 * The sessions of connections that are given up are ended on the server.
 */
export class BoundedClient extends pg.Client {
  readonly #limits: ClientLimits
  readonly #config: pg.ClientConfig
  readonly #server: string
  #pending = 0
  /** How many of these may take longer than the connection's own limit. */
  #raised = 0
  /** Unset until the connection is ready for queries. */
  #answeredAt: number | undefined
  /** Milliseconds that a query of the open transaction may take. */
  #transactionMs: number | undefined
  #givenUp = false

  constructor(config: pg.ClientConfig, limits: ClientLimits) {
    super(config)
    this.#config = config
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
    this.connection.on('readyForQuery', ({ status }: { status?: unknown }) => {
      if (status === 'I') this.#transactionMs = undefined
    })
    this.#limitQueries()
    this.#limitEnd()
  }

  /** Asks the server for a sign of life unless it has just given one. False: the connection is closed. */
  async isAlive(): Promise<boolean> {
    if (performance.now() - (this.#answeredAt ?? 0) < trustedMs) return true
    return this.#check()
  }

  async #check(): Promise<boolean> {
    const sentAt = performance.now()
    try {
      await withQueryLimit(checkLimitMs, () => this.query('select 1'))
      return true
    } catch (error) {
      if (error instanceof DatabaseSilent) {
        for (const other of connected.get(this.#server) ?? [])
          if (other.#raised === 0 && (other.#answeredAt ?? sentAt) < sentAt) void other.#giveUp(error)
      }
      return false
    }
  }

  #limitQueries(): void {
    const { query } = this
    this.query = ((...args: unknown[]) => {
      const limitMs = queryLimitOr(this.#limits.queryMs)
      if (limitMs > (this.#transactionMs ?? limitMs))
        throw new Error('withQueryLimit has to be around the whole transaction')
      let answered = false
      const settle = this.#await(limitMs, () => answered)
      const beginning = boundedBegin(args[0], limitMs)
      if (beginning !== undefined) this.#transactionMs = limitMs
      return followQuery(
        (given) => Reflect.apply(query, this, given),
        beginning === undefined ? args : [beginning, ...args.slice(1)],
        () => {
          answered = true
          settle()
        },
      )
    }) as typeof query
  }

  /** Watches over a query that is sent now. @returns what is to be called with its end. */
  #await(limitMs: number, isAnswered: () => boolean): () => void {
    const expire = () => {
      // An answer that came while this process was busy is still to be read.
      setImmediate(() => {
        if (!isAnswered()) void this.#expire(limitMs, isAnswered)
      })
    }
    const suspect = () => {
      timer = setTimeout(expire, limitMs - suspiciousMs)
      void BoundedClient.#checkOneIdle(this.#server)
    }
    let timer = limitMs > suspiciousMs ? setTimeout(suspect, suspiciousMs) : setTimeout(expire, limitMs)
    const raised = limitMs > this.#limits.queryMs ? 1 : 0
    this.#pending += 1
    this.#raised += raised
    return () => {
      clearTimeout(timer)
      this.#pending -= 1
      this.#raised -= raised
      this.#answeredAt = performance.now()
    }
  }

  async #expire(limitMs: number, isAnswered: () => boolean): Promise<void> {
    await this.#giveUp(new DatabaseSilent(`the database did not answer within ${limitMs} ms`), isAnswered)
    // It may have been a slow query only: the others tell.
    for (const other of connected.get(this.#server) ?? []) if (other.#pending === 0) void other.isAlive()
  }

  /** Ends the connection, and what it does on the server. */
  async #giveUp(error: Error, isAnswered = () => this.#pending === 0): Promise<void> {
    if (this.#givenUp) return
    this.#givenUp = true
    if (this.#pending > 0) {
      // The server does not notice a closed connection while its query waits for a lock, and would keep the process.
      // First, since a pooler forgets with the connection which query it belongs to.
      await cancelQuery(this)
      this.#givenUp = !isAnswered()
      if (!this.#givenUp) return
    }
    this.#discard(error)
  }

  #discard(error?: Error): void {
    const { stream } = this.connection
    if (stream.destroyed) return
    stream.destroy(error)
    if (this.#answeredAt === undefined) return
    endSession(this, this.#answeredAt, () => new BoundedClient(this.#config, { queryMs: checkLimitMs }))
  }

  #limitEnd(): void {
    const { end } = this
    this.end = ((...args: unknown[]) => {
      const timer = setTimeout(() => this.#discard(), endLimitMs)
      this.once('end', () => clearTimeout(timer))
      return Reflect.apply(end, this, args)
    }) as typeof end
  }

  /** One at a time: the answer counts for all. */
  static async #checkOneIdle(server: string): Promise<void> {
    const idle = [...(connected.get(server) ?? [])].find((client) => client.#pending === 0)
    if (idle === undefined || suspected.has(server)) return
    suspected.add(server)
    await idle.#check()
    suspected.delete(server)
  }
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
