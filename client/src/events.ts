import { ConnectionError } from './errors.ts'
import type { ApiRequest } from './request.ts'
import { passingDelay, pause, type Transport } from './transport.ts'

/** One event of a stream of the API. */
export interface ServerEvent {
  /** Its number in the stream; the next connection continues after it. */
  id: number
  /** `message` if the event has no name. */
  type: string
  data: unknown
}

export interface FollowOptions {
  signal?: AbortSignal
  /** The number of the event to start after; default 0, the beginning of the stream. */
  after?: number
  /** The time for which a broken connection is retried; default 60 s. */
  patienceMs?: number
  /** The silence after which a connection counts as broken; default 45 s, since the API sends a comment every 15 s. */
  silenceMs?: number
  /** Called once per break, before the first retry. */
  onBreak?(error: unknown): void
}

/** The result of one connection. `nothing-left`: the stream has ended and was read completely. */
interface Connection {
  state: 'refused' | 'opened' | 'heard' | 'nothing-left'
  openedAt: number
}

/** A connection that lasted this long, or sent something, counts as successful; others are failed attempts. */
const lastedMs = 5000

/**
 * Yields the events of a stream to its `end`: each once and in order, over any number of connections. A stream without an
 * end is followed until the signal is aborted or the loop is left.
 * @throws ConnectionError if no connection succeeded for `patienceMs`; ApiError for a refusal; the signal's reason
 */
export async function* followEvents(
  transport: Transport,
  request: ApiRequest,
  options: FollowOptions = {},
): AsyncGenerator<ServerEvent, void, undefined> {
  const { patienceMs = 60_000, silenceMs = 45_000, onBreak, signal } = options
  let { after = 0 } = options
  let broken: { at: number; tries: number } | undefined
  for (;;) {
    const connection: Connection = { state: 'refused', openedAt: 0 }
    let delay = 0
    let fault: unknown
    try {
      for await (const event of listen(transport, { request, after, silenceMs, signal }, connection)) {
        // Events from before the break may be sent again and must not be seen twice.
        if (event.id <= after) continue
        after = event.id
        yield event
        if (event.type === 'end') return
      }
      if (connection.state === 'nothing-left') return
    } catch (error) {
      signal?.throwIfAborted()
      const passing = passingDelay(error)
      if (passing === undefined) throw error
      delay = passing
      fault = error
    }
    if (broken === undefined || wasGood(connection)) {
      broken = { at: Date.now(), tries: 0 }
      onBreak?.(fault)
    }
    if (Date.now() - broken.at > patienceMs) {
      const message = `Capstan could not be reached at ${transport.url} for ${patienceMs / 1000} s`
      throw new ConnectionError('unreachable', message, { cause: fault })
    }
    await pause(Math.max(delay, Math.min(100 * 2 ** broken.tries, 3000)), signal)
    broken.tries += 1
  }
}

function wasGood({ state, openedAt }: Connection): boolean {
  return state === 'heard' || (state === 'opened' && Date.now() - openedAt > lastedMs)
}

interface Listening {
  request: ApiRequest
  after: number
  silenceMs: number
  signal: AbortSignal | undefined
}

/** The events of one connection. Returns at its end and throws ConnectionError when it breaks. */
async function* listen(
  transport: Transport,
  from: Listening,
  connection: Connection,
): AsyncGenerator<ServerEvent> {
  const closing = new AbortController()
  const close = () => closing.abort()
  let silence = setTimeout(close, from.silenceMs)
  from.signal?.addEventListener('abort', close, { once: true })
  if (from.signal?.aborted) close()
  try {
    const { request } = from
    const headers = { ...request.headers, Accept: 'text/event-stream', 'Last-Event-ID': String(from.after) }
    const response = await transport.open({ ...request, headers }, closing.signal)
    Object.assign(connection, { state: 'opened', openedAt: Date.now() })
    if (response.status === 204) connection.state = 'nothing-left'
    if (response.status === 204 || response.body === null) return
    if (!response.headers.get('content-type')?.startsWith('text/event-stream'))
      throw new ConnectionError('not-capstan', `What answers at ${transport.url} is not Capstan's API`)
    yield* readEvents(response.body, () => {
      connection.state = 'heard'
      clearTimeout(silence)
      silence = setTimeout(close, from.silenceMs)
    })
  } catch (error) {
    if (!isBroken(error)) throw error
    throw new ConnectionError('unreachable', `The connection to ${transport.url} broke`, { cause: error })
  } finally {
    clearTimeout(silence)
    from.signal?.removeEventListener('abort', close)
    closing.abort()
  }
}

/** True for the errors of `fetch` for a body that ended early: its TypeError, or the abort of a silent connection. */
const isBroken = (error: unknown) =>
  error instanceof TypeError || (error instanceof Error && error.name === 'AbortError')

/**
 * Reads Server-Sent Events: those of the API have a number, and JSON as data. An incomplete event is dropped: the API
 * sends it again after a reconnection.
 * @param onBytes called for all bytes, including comments
 */
async function* readEvents(
  body: ReadableStream<Uint8Array>,
  onBytes: () => void = () => undefined,
): AsyncGenerator<ServerEvent> {
  // Loaded with the first stream: most programs that call the API read none.
  const { createParser } = await import('eventsource-parser')
  const decoder = new TextDecoder()
  const events: ServerEvent[] = []
  const parser = createParser({
    onEvent({ id, event = 'message', data }) {
      if (id !== undefined && /^\d+$/.test(id))
        events.push({ id: Number(id), type: event, data: JSON.parse(data) })
    },
  })
  const reader = body.getReader()
  // Not every browser can iterate over a stream.
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      onBytes()
      parser.feed(decoder.decode(value, { stream: true }))
      yield* events.splice(0)
    }
  } finally {
    reader.releaseLock()
  }
}
