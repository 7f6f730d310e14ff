import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { matchesFilters, type TailFilter } from './filters.ts'
import { withMaskedFrames } from './masked-frames.ts'

const lifetimeMs = 6 * 3_600_000
/** The subprotocol of Cloudflare's tails. */
const protocol = 'trace-v1'
const path = /^\/capstan\/tails\/([0-9a-f]{32})$/
/** A reader that is slower than its Worker loses events beyond this backlog. */
const maxBacklogBytes = 4 * 1024 * 1024

export interface Tail {
  id: string
  script: string
  expiresAt: number
}

interface OpenTail extends Tail {
  filters: TailFilter[]
  sockets: Set<WebSocket>
}

/** The live tails of Workers. They exist in memory only, like their connections. */
export class Tails {
  readonly #tails = new Map<string, OpenTail>()
  readonly #server = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => (offered.has(protocol) ? protocol : false),
  })
  readonly #clock: () => number

  constructor(clock: () => number) {
    this.#clock = clock
  }

  create(script: string, filters: TailFilter[]): Tail {
    const id = randomBytes(16).toString('hex')
    const tail = { id, script, filters, expiresAt: this.#clock() + lifetimeMs, sockets: new Set<WebSocket>() }
    this.#expire()
    this.#tails.set(id, tail)
    return tail
  }

  of(script: string): Tail[] {
    this.#expire()
    return [...this.#tails.values()].filter((tail) => tail.script === script)
  }

  /** @returns false if the script has no such tail */
  delete(script: string, id: string): boolean {
    const tail = this.#tails.get(id)
    if (tail?.script !== script) return false
    this.#tails.delete(id)
    for (const socket of tail.sockets) socket.close(1000)
    return true
  }

  /** Connects a client to its tail, whose id is its credential. @returns false if the request is not for a tail */
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    const [, id = ''] = path.exec(req.url ?? '') ?? []
    this.#expire()
    const tail = this.#tails.get(id)
    if (tail === undefined) return false
    this.#server.handleUpgrade(req, withMaskedFrames(socket, head), Buffer.alloc(0), (connection) => {
      tail.sockets.add(connection)
      connection.on('close', () => tail.sockets.delete(connection))
      connection.on('error', () => connection.terminate())
    })
    return true
  }

  /** True if somebody reads the events of a script. */
  isRead(script: string): boolean {
    return this.of(script).some(({ id }) => (this.#tails.get(id)?.sockets.size ?? 0) > 0)
  }

  /** Sends events of a script to its readers. */
  publish(script: string, events: unknown[]): void {
    for (const { id } of this.of(script)) {
      const { filters = [], sockets = [] } = this.#tails.get(id) ?? {}
      for (const event of events.filter((each) => matchesFilters(each, filters))) {
        for (const socket of sockets)
          if (socket.bufferedAmount < maxBacklogBytes) socket.send(JSON.stringify(event))
      }
    }
  }

  stop(): void {
    for (const { script, id } of [...this.#tails.values()]) this.delete(script, id)
  }

  #expire(): void {
    const now = this.#clock()
    for (const { script, id, expiresAt } of [...this.#tails.values()])
      if (expiresAt <= now) this.delete(script, id)
  }
}
