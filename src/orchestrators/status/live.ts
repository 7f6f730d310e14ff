import type { EventHub, StoredEvent } from '../../platform/events/index.ts'
import type { Logger } from '../../platform/logging/logging.ts'
import { createSocketGroup, type SocketGroup, type SocketRoute } from '../../platform/sockets/index.ts'
import type { StatusCache, StatusSnapshot } from './status-cache.ts'

/** The same messages for WebSocket and SSE. */
type MessageType = 'initial_status' | 'status_update'

const message = (type: MessageType, { at, data }: StatusSnapshot) => ({
  type,
  timestamp: at.toISOString(),
  data,
})

/** The message of each snapshot, serialized once for all clients. */
function createTexts(type: MessageType): (snapshot: StatusSnapshot) => Buffer {
  const known = new WeakMap<StatusSnapshot, Buffer>()
  return (snapshot) => {
    const text = known.get(snapshot) ?? Buffer.from(JSON.stringify(message(type, snapshot)))
    known.set(snapshot, text)
    return text
  }
}

export interface Live {
  socket: SocketRoute
  group: SocketGroup
}

/** JSON, since clients parse every message. */
const pong = JSON.stringify({ type: 'pong' })

/** The text `ping`, or `{"type": "ping"}`. */
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

/** `WS /api/v1/ws/status`: sends the status at once, then each new one; answers `ping`, echoes anything else. */
export function createLive(options: { cache: StatusCache; log: Logger; sweepMs?: number }): Live {
  const { cache, log, sweepMs } = options
  const initial = createTexts('initial_status')
  const update = createTexts('status_update')
  const group = createSocketGroup({
    name: 'status sockets',
    log,
    ...(sweepMs === undefined ? {} : { sweepMs }),
    onMessage(socket, text) {
      if (isPing(text)) group.send(socket, pong)
      else group.send(socket, JSON.stringify({ type: 'echo', message: text }))
    },
  })
  cache.follow((snapshot) => group.broadcast(update(snapshot)))
  return {
    group,
    socket: {
      operation: {
        id: 'openBridgeStatusSocket',
        tag: 'orchestrators',
        describe: async () => (await import('../routes/operations.ts')).sockets.openBridgeStatusSocket,
      },
      path: '/api/v1/ws/status',
      access: 'orchestrators:read',
      protocol: 'capstan.v1',
      accept(socket, caller) {
        // Messages of the client wait until the first status is sent.
        socket.pause()
        Promise.resolve(cache.current()).then(
          (snapshot) => {
            group.send(socket, initial(snapshot))
            // From here on the client gets updates; no event can come in between.
            group.add(socket, caller)
            socket.resume()
          },
          () => socket.close(1013, 'Try again later'),
        )
      },
    },
  }
}

/** One event object per snapshot, since the serialized text is cached by object. */
function createEvents(type: MessageType): (snapshot: StatusSnapshot) => StoredEvent {
  const known = new WeakMap<StatusSnapshot, StoredEvent>()
  return (snapshot) => {
    const { seq, at } = snapshot
    const event = known.get(snapshot) ?? { seq, at, type, data: message(type, snapshot) }
    known.set(snapshot, event)
    return event
  }
}

/**
 * The status as an SSE stream. It is a state, not a history: a client that connects, or reconnects after missing some,
 * gets the latest snapshot at once.
 */
export function statusEvents(cache: StatusCache): EventHub {
  const initial = createEvents('initial_status')
  const update = createEvents('status_update')
  const readers = new Set<() => void>()
  return {
    subscribe(_stream, { after, sink, end }) {
      let open = true
      let shown = after
      const leave = cache.follow((snapshot) => {
        shown = snapshot.seq
        if (open && !sink([update(snapshot)])) close()
      })
      readers.add(end)
      const close = () => {
        open = false
        leave()
        readers.delete(end)
      }
      void Promise.resolve(cache.current()).then((snapshot) => {
        // A client that has this snapshot waits for the next one.
        if (!open || (shown !== 0 && shown === snapshot.seq)) return
        sink([initial(snapshot)])
      }, end)
      return close
    },
    close() {
      for (const end of readers) end()
    },
  }
}
