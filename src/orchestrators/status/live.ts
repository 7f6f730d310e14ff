import type { EventHub, StoredEvent } from '../../platform/events/index.ts'
import type { Logger } from '../../platform/logging/logging.ts'
import { type Crowd, createCrowd, type SocketRoute } from '../../platform/sockets/index.ts'
import type { Board, Version } from './status-cache.ts'

/** The same messages for WebSocket and SSE. */
type MessageType = 'initial_status' | 'status_update'

const message = (type: MessageType, { at, data }: Version) => ({ type, timestamp: at.toISOString(), data })

/** What each version looks like on the wire, written once for all clients. */
function createTexts(type: MessageType): (version: Version) => Buffer {
  const known = new WeakMap<Version, Buffer>()
  return (version) => {
    const text = known.get(version) ?? Buffer.from(JSON.stringify(message(type, version)))
    known.set(version, text)
    return text
  }
}

export interface Live {
  socket: SocketRoute
  crowd: Crowd
}

/** JSON like all other messages: clients parse each one. */
const pong = JSON.stringify({ type: 'pong' })

/** `ping` as it is, or `{"type": "ping"}`. */
function isPing(text: string): boolean {
  if (text.trim().toLowerCase() === 'ping') return true
  if (!text.includes('ping')) return false
  try {
    const { type } = JSON.parse(text) ?? {}
    return type === 'ping'
  } catch {
    return false
  }
}

/** `WS /api/v1/ws/status`: the status at once, then each new one; `ping` is answered, anything else is echoed. */
export function createLive(options: { board: Board; log: Logger; sweepMs?: number }): Live {
  const { board, log, sweepMs } = options
  const initial = createTexts('initial_status')
  const update = createTexts('status_update')
  const crowd = createCrowd({
    name: 'status sockets',
    log,
    ...(sweepMs === undefined ? {} : { sweepMs }),
    onMessage(socket, text) {
      if (isPing(text)) crowd.send(socket, pong)
      else crowd.send(socket, JSON.stringify({ type: 'echo', message: text }))
    },
  })
  board.follow((version) => crowd.broadcast(update(version)))
  return {
    crowd,
    socket: {
      path: '/api/v1/ws/status',
      access: 'orchestrators:read',
      protocol: 'capstan.v1',
      accept(socket, caller) {
        // What it says meanwhile waits.
        socket.pause()
        Promise.resolve(board.current()).then(
          (version) => {
            crowd.send(socket, initial(version))
            // From here on it gets the updates; nothing can come in between.
            crowd.add(socket, caller)
            socket.resume()
          },
          () => socket.close(1013, 'Try again later'),
        )
      },
    },
  }
}

/** One event object per version, since its text is kept by the object. */
function createEvents(type: MessageType): (version: Version) => StoredEvent {
  const known = new WeakMap<Version, StoredEvent>()
  return (version) => {
    const { seq, at } = version
    const event = known.get(version) ?? { seq, at, type, data: message(type, version) }
    known.set(version, event)
    return event
  }
}

/**
 * The board as a stream for SSE. It is a state, not a history: who comes, or comes back after missing some, gets the
 * latest version at once.
 */
export function boardAsStream(board: Board): EventHub {
  const initial = createEvents('initial_status')
  const update = createEvents('status_update')
  const readers = new Set<() => void>()
  return {
    subscribe(_stream, { after, sink, end }) {
      let open = true
      let shown = after
      const leave = board.follow((version) => {
        shown = version.seq
        if (open && !sink([update(version)])) close()
      })
      readers.add(end)
      const close = () => {
        open = false
        leave()
        readers.delete(end)
      }
      void Promise.resolve(board.current()).then((version) => {
        // Who has seen this version waits for the next one.
        if (!open || (shown !== 0 && shown === version.seq)) return
        sink([initial(version)])
      }, end)
      return close
    },
    close() {
      for (const end of readers) end()
    },
  }
}
