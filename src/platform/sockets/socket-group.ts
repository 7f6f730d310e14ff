import { WebSocket } from 'ws'
import { pause } from '../deadline.ts'
import type { Logger } from '../logging/logging.ts'
import type { Service } from '../process/lifecycle.ts'
import { type Caller, closeCodes } from './upgrades.ts'

/** A set of open sockets that share broadcasts, heartbeats and credential checks. */
export interface SocketGroup extends Service {
  add(socket: WebSocket, caller: Caller): void
  /** Sends a text to all open sockets, in slices, so that other work can run in between. */
  broadcast(text: Buffer): void
  /** Sends a text to one socket; disconnects a client that does not read. */
  send(socket: WebSocket, text: string | Buffer): void
  size(): number
}

export interface SocketGroupOptions {
  name: string
  log: Logger
  /** Called for each text of a client. */
  onMessage(socket: WebSocket, text: string): void
  /** The interval of the checks whether each socket responds and its credential is still valid. */
  sweepMs?: number
  sliceSize?: number
}

interface Member {
  caller: Caller
  /** True if the client has sent anything since the last sweep. */
  alive: boolean
}

/** The unread bytes after which a client is disconnected: a few updates of a large fleet. */
const maxBufferedBytes = 1024 * 1024
const closeTimeoutMs = 1000

/**
 * Uses one timer for all sockets and no closures per socket, so that an idle client costs only what the library and the
 * kernel need.
 */
export function createSocketGroup(options: SocketGroupOptions): SocketGroup {
  const { log, onMessage, sweepMs = 25_000, sliceSize = 200 } = options
  const members = new Map<WebSocket, Member>()
  let timer: NodeJS.Timeout | undefined
  let stopped = false

  function send(socket: WebSocket, text: string | Buffer): void {
    if (socket.readyState !== WebSocket.OPEN) return
    if (socket.bufferedAmount > maxBufferedBytes) socket.terminate()
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

  /** Disconnects sockets that were silent for two sweeps. A credential of several sockets is checked once. */
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
    const isValid = verdicts.get(caller.credential) ?? caller.principal.stillValid()
    verdicts.set(caller.credential, isValid)
    // While the database is unreachable no socket is closed; the next sweep checks again.
    if (!(await isValid.catch(() => true))) socket.close(closeCodes.notSignedIn, 'Invalid or expired token')
  }

  function arm(): void {
    if (stopped) return
    timer = setTimeout(() => {
      sweep()
        .catch((error: unknown) =>
          log.error({ err: error, name: options.name }, 'the sweep over the sockets failed'),
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
      // A client that does not respond must not prevent the server from closing.
      for (let waited = 0; members.size > 0 && waited < closeTimeoutMs; waited += 20) await pause(20)
      for (const socket of members.keys()) socket.terminate()
    },
  }
}

function* slices<T>(all: T[], size: number): Generator<T[], undefined> {
  for (let at = 0; at < all.length; at += size) yield all.slice(at, at + size)
}
