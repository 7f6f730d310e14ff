import { WebSocket } from 'ws'
import { pause } from '../deadline.ts'
import type { Logger } from '../logging/logging.ts'
import type { Service } from '../process/lifecycle.ts'
import { type Caller, closeCodes } from './upgrades.ts'

/** Open sockets of one kind, by the thousand: told things, watched over, and closed. */
export interface Crowd extends Service {
  add(socket: WebSocket, caller: Caller): void
  /** Sends one text to all that are open now, a slice at a time: other work goes on in between. */
  broadcast(text: Buffer): void
  /** To one of them; cuts a client that does not read. */
  send(socket: WebSocket, text: string | Buffer): void
  size(): number
}

export interface CrowdOptions {
  name: string
  log: Logger
  /** A text from a client. */
  onMessage(socket: WebSocket, text: string): void
  /** How often each socket is looked at: whether it answers, and whether its principal may still listen. */
  sweepMs?: number
  sliceSize?: number
}

interface Member {
  caller: Caller
  /** Heard of since the last look. */
  alive: boolean
}

/** What a client may leave unread. A few updates of a large fleet; far more means that it does not read. */
const bufferLimit = 1024 * 1024
const farewellMs = 1000

/**
 * One timer for all sockets, and no closure for each of them: what an idle client costs is what the library and the
 * kernel need for it.
 */
export function createCrowd(options: CrowdOptions): Crowd {
  const { log, onMessage, sweepMs = 25_000, sliceSize = 200 } = options
  const members = new Map<WebSocket, Member>()
  let timer: NodeJS.Timeout | undefined
  let stopped = false

  function send(socket: WebSocket, text: string | Buffer): void {
    if (socket.readyState !== WebSocket.OPEN) return
    if (socket.bufferedAmount > bufferLimit) socket.terminate()
    else socket.send(text, { binary: false })
  }

  function onHeard(this: WebSocket): void {
    const member = members.get(this)
    if (member !== undefined) member.alive = true
  }
  function onText(this: WebSocket, data: unknown, isBinary: boolean): void {
    onHeard.call(this)
    if (isBinary) this.close(1003, 'Text only')
    else onMessage(this, String(data))
  }
  function onClose(this: WebSocket): void {
    members.delete(this)
  }

  /** Twice silent is gone; a credential with many sockets is asked about once. */
  async function sweep(): Promise<void> {
    const verdicts = new Map<string, Promise<boolean>>()
    for (const slice of slices([...members], sliceSize)) {
      for (const [socket, member] of slice) {
        if (!member.alive) socket.terminate()
        else if (socket.readyState === WebSocket.OPEN) socket.ping()
        member.alive = false
      }
      await Promise.all(slice.map(([socket, { caller }]) => recheck(socket, caller, verdicts)))
    }
  }

  async function recheck(
    socket: WebSocket,
    caller: Caller,
    verdicts: Map<string, Promise<boolean>>,
  ): Promise<void> {
    const known = verdicts.get(caller.credential) ?? caller.principal.stillValid()
    verdicts.set(caller.credential, known)
    // While the database is away nobody is sent off: the next look asks again.
    if (!(await known.catch(() => true))) socket.close(closeCodes.notSignedIn, 'Invalid or expired token')
  }

  function arm(): void {
    if (stopped) return
    timer = setTimeout(() => {
      sweep()
        .catch((error: unknown) =>
          log.error({ err: error, name: options.name }, 'sockets were not looked at'),
        )
        .finally(arm)
    }, sweepMs)
    timer.unref()
  }
  arm()

  return {
    name: options.name,
    add(socket, caller) {
      if (socket.readyState !== WebSocket.OPEN) return
      members.set(socket, { caller, alive: true })
      socket.on('message', onText)
      socket.on('pong', onHeard)
      socket.on('close', onClose)
      if (stopped) socket.close(closeCodes.goingAway, 'Shutting down')
    },
    send,
    broadcast(text) {
      const turns = slices([...members], sliceSize)
      const turn = () => {
        const { value: slice, done } = turns.next()
        if (done) return
        for (const [socket] of slice) send(socket, text)
        setImmediate(turn)
      }
      turn()
    },
    size: () => members.size,
    start: async () => undefined,
    async stop() {
      stopped = true
      clearTimeout(timer)
      for (const socket of members.keys()) socket.close(closeCodes.goingAway, 'Shutting down')
      // A client that does not answer must not keep the server from closing.
      for (let waited = 0; members.size > 0 && waited < farewellMs; waited += 20) await pause(20)
      for (const socket of members.keys()) socket.terminate()
    },
  }
}

function* slices<T>(all: T[], size: number): Generator<T[], undefined> {
  for (let at = 0; at < all.length; at += size) yield all.slice(at, at + size)
}
