import { Socket } from 'node:net'
import pg from 'pg'
import { pause } from '../../deadline.ts'
import { DatabaseSilent } from '../unavailable.ts'
import { endSession } from './abandoned-sessions.ts'
import { cancelQuery } from './cancel.ts'
import { refuseUnboundLogin, requiresChannelBinding, usesChannelBinding } from './channel-binding.ts'
import type { ClientLimits } from './connection-limits.ts'
import { followQuery } from './follow-query.ts'
import { isQueryLost } from './lost-queries.ts'
import { queryLimitMs, queryLimitOr, withQueryLimit } from './query-limit.ts'
import { watchQuery } from './query-watch.ts'
import { boundedBegin, endsTransaction } from './transaction-limits.ts'

/** Milliseconds that the server may take to close a connection on request. */
const endLimitMs = 2000
/** Milliseconds within which a working server answers `select 1`. */
const checkLimitMs = 4000
/** Milliseconds after an answer during which a connection is used without a check. */
const trustedMs = 2000
/** Milliseconds within which an answer arrives that was sent before an answer on another connection. */
const transitMs = 1000

/** All connections of this process by server: those to one server share a network path. */
const connected = new Map<string, Set<BoundedClient>>()
/** The servers that are being checked because a query takes long. */
const suspected = new Set<string>()

/**
 * A connection on which every wait has a limit. A limit on the server (`statement_timeout`) has no effect while the
 * server or the network is silent.
 *
 * A query that exceeds its limit closes its connection. If a check is not answered either, all connections to the
 * same server that have been silent since then are closed too: waiting for each in turn would multiply the outage.
 * Connections with a query that may take long stay open, because silence is expected of them: a new connection is
 * used to check whether the server is still executing the query. While a query takes long, an idle connection is
 * checked. The sessions of closed connections are ended on the server.
 */
export class BoundedClient extends pg.Client {
  readonly #limits: ClientLimits
  readonly #config: pg.ClientConfig
  readonly #server: string
  #pending = 0
  /** The number of pending queries that may take longer than `queryLimitMs`. */
  #longQueries = 0
  /** The time of the last answer; unset until the connection is ready for queries. */
  #answeredAt: number | undefined
  /** Milliseconds that a query of the open transaction may take; unset outside a transaction. */
  #transactionMs: number | undefined
  #givenUp = false

  constructor(config: pg.ClientConfig, limits: ClientLimits) {
    super({ ...config, enableChannelBinding: usesChannelBinding(config) })
    if (requiresChannelBinding(config)) refuseUnboundLogin(this)
    this.#config = config
    this.#limits = limits
    this.#server = `${this.host}:${this.port}`
    // A pool does not listen to connections in use, and an unhandled 'error' event would end the process. The query
    // fails too, and the pool drops the connection.
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

  /** Checks the connection unless it has answered within `trustedMs`. False if the check failed. */
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
          if (other.#longQueries === 0 && (other.#answeredAt ?? sentAt) < sentAt) void other.#giveUp(error)
      }
      return false
    }
  }

  #limitQueries(): void {
    const { query } = this
    this.query = ((...args: unknown[]) => {
      const limitMs = queryLimitOr(this.#limits.queryMs)
      const beginning = boundedBegin(args[0], limitMs)
      if (beginning === undefined && limitMs > (this.#transactionMs ?? limitMs))
        throw new Error('withQueryLimit has to be around the whole transaction')
      let answered = false
      const settle = this.#startLimit(limitMs, () => answered)
      if (beginning !== undefined) this.#transactionMs = limitMs
      else if (endsTransaction(args[0])) this.#transactionMs = undefined
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

  /** Starts the time limit of a query that is being sent. @returns the function to call when the query has ended. */
  #startLimit(limitMs: number, isAnswered: () => boolean): () => void {
    const expire = () => {
      // An answer may have arrived while this process was busy, and is read first.
      setImmediate(() => {
        if (!isAnswered()) void this.#expire(limitMs, isAnswered)
      })
    }
    const isLong = limitMs > queryLimitMs
    const stop = watchQuery({
      limitMs,
      suspect: () => void BoundedClient.#checkOneIdle(this.#server),
      inspect: isLong ? () => this.#inspect(isAnswered) : undefined,
      expire,
    })
    this.#pending += 1
    this.#longQueries += isLong ? 1 : 0
    return () => {
      stop()
      this.#pending -= 1
      this.#longQueries -= isLong ? 1 : 0
      this.#answeredAt = performance.now()
    }
  }

  /** Gives the connection up if the server is no longer executing its query. */
  async #inspect(isAnswered: () => boolean): Promise<void> {
    const receivedBytes = this.#receivedBytes()
    if (this.#answeredAt === undefined || !(await isQueryLost(this, this.#answeredAt, this.#createClient)))
      return
    await pause(transitMs)
    if (isAnswered() || this.#receivedBytes() > receivedBytes) return
    await this.#giveUp(new DatabaseSilent('the answer of the database was lost on the way'), isAnswered)
  }

  #receivedBytes(): number {
    const { stream } = this.connection
    return stream instanceof Socket ? stream.bytesRead : 0
  }

  /** Creates a client for the same server, database and user. */
  readonly #createClient = () => new BoundedClient(this.#config, { queryMs: checkLimitMs })

  async #expire(limitMs: number, isAnswered: () => boolean): Promise<void> {
    await this.#giveUp(new DatabaseSilent(`the database did not answer within ${limitMs} ms`), isAnswered)
    // The query may just have been slow: checks of the idle connections decide.
    for (const other of connected.get(this.#server) ?? []) if (other.#pending === 0) void other.isAlive()
  }

  /** Cancels the connection's query on the server and closes the connection. */
  async #giveUp(error: Error, isAnswered = () => this.#pending === 0): Promise<void> {
    if (this.#givenUp) return
    this.#givenUp = true
    if (this.#pending > 0) {
      // The server does not notice a closed connection while its query waits for a lock, and would keep the session.
      // Cancel before closing: after the close, a pooler can't assign the request to a query.
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
    endSession(this, this.#answeredAt, this.#createClient)
  }

  #limitEnd(): void {
    const { end } = this
    this.end = ((...args: unknown[]) => {
      const timer = setTimeout(() => this.#discard(), endLimitMs)
      this.once('end', () => clearTimeout(timer))
      return Reflect.apply(end, this, args)
    }) as typeof end
  }

  /** Checks one idle connection to the server; only one check runs at a time, since it stands for all connections. */
  static async #checkOneIdle(server: string): Promise<void> {
    const idle = [...(connected.get(server) ?? [])].find((client) => client.#pending === 0)
    if (idle === undefined || suspected.has(server)) return
    suspected.add(server)
    await idle.#check()
    suspected.delete(server)
  }
}
