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
import { boundedBegin } from './transaction-limits.ts'

/** Milliseconds that a server may take to close a connection at our request. */
const endLimitMs = 2000
/** Milliseconds in which a server that works answers a query that needs nothing. */
const checkLimitMs = 4000
/** A connection that answered this recently needs no check before it is used. */
const trustedMs = 2000
/** Milliseconds in which an answer arrives that the server has sent before it answered on another connection. */
const transitMs = 1000

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
 * query may take long stay, because silence is expected of them: the server is asked over a new connection whether it
 * still works on the query. A query that takes long has an idle connection checked.
 * The sessions of connections that are given up are ended on the server.
 */
export class BoundedClient extends pg.Client {
  readonly #limits: ClientLimits
  readonly #config: pg.ClientConfig
  readonly #server: string
  #pending = 0
  /** How many of these may take longer than a usual query. */
  #long = 0
  /** Unset until the connection is ready for queries. */
  #answeredAt: number | undefined
  /** Milliseconds that a query of the open transaction may take. */
  #transactionMs: number | undefined
  #givenUp = false

  constructor(config: pg.ClientConfig, limits: ClientLimits) {
    super({ ...config, enableChannelBinding: usesChannelBinding(config) })
    if (requiresChannelBinding(config)) refuseUnboundLogin(this)
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
          if (other.#long === 0 && (other.#answeredAt ?? sentAt) < sentAt) void other.#giveUp(error)
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
    const isLong = limitMs > queryLimitMs
    const stop = watchQuery({
      limitMs,
      suspect: () => void BoundedClient.#checkOneIdle(this.#server),
      inspect: isLong ? () => this.#inspect(isAnswered) : undefined,
      expire,
    })
    this.#pending += 1
    this.#long += isLong ? 1 : 0
    return () => {
      stop()
      this.#pending -= 1
      this.#long -= isLong ? 1 : 0
      this.#answeredAt = performance.now()
    }
  }

  /** Gives the connection up if the server does not work on its query any more. */
  async #inspect(isAnswered: () => boolean): Promise<void> {
    const receivedBytes = this.#receivedBytes()
    if (this.#answeredAt === undefined || !(await isQueryLost(this, this.#answeredAt, this.#another))) return
    await pause(transitMs)
    if (isAnswered() || this.#receivedBytes() > receivedBytes) return
    await this.#giveUp(new DatabaseSilent('the answer of the database was lost on the way'), isAnswered)
  }

  #receivedBytes(): number {
    const { stream } = this.connection
    return stream instanceof Socket ? stream.bytesRead : 0
  }

  /** A client of the same server, database and user. */
  readonly #another = () => new BoundedClient(this.#config, { queryMs: checkLimitMs })

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
    endSession(this, this.#answeredAt, this.#another)
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
