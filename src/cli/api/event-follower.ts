import { pause } from '../../platform/deadline.ts'
import type { ApiClient } from './client.ts'
import { passingDelay, Unreachable } from './request.ts'
import { readSse, type SseEvent } from './sse-reader.ts'

export interface FollowOptions {
  /** Time for which a broken connection is retried; default 60 s. */
  patienceMs?: number
  /** The number of the event to start after; default 0. */
  after?: number
  /** Silence after which a connection counts as broken; default 45 s, since the API sends a comment every 15 s. */
  silenceMs?: number
  /** Called once per break, before the first retry. */
  onBreak?(): void
}

/** The result of one connection. `nothing-left`: the stream has ended and was read completely. */
interface Connection {
  state: 'refused' | 'opened' | 'heard' | 'nothing-left'
  openedAt: number
}

/** A connection that lasted this long, or sent something, counts as successful; others are failed attempts. */
const lastedMs = 5000

/**
 * Yields a stream's events from its beginning, or after a number, to its `end`: each once and in order, over any number of
 * connections.
 * @throws Unreachable if no connection succeeded for `patienceMs`; ApiError for a refusal
 */
export async function* followEvents(
  client: ApiClient,
  path: string,
  options: FollowOptions = {},
): AsyncGenerator<SseEvent> {
  const { patienceMs = 60_000, silenceMs = 45_000, onBreak } = options
  let { after = 0 } = options
  let broken: { at: number; tries: number } | undefined
  for (;;) {
    const connection: Connection = { state: 'refused', openedAt: 0 }
    let delay = 0
    try {
      for await (const event of listen(client, { path, after, silenceMs }, connection)) {
        // Events from before the break may be sent again and must not be shown twice.
        if (event.id <= after) continue
        after = event.id
        yield event
        if (event.type === 'end') return
      }
      if (connection.state === 'nothing-left') return
    } catch (error) {
      const passing = passingDelay(error)
      if (passing === undefined) throw error
      delay = passing
    }
    if (broken === undefined || wasGood(connection)) {
      broken = { at: Date.now(), tries: 0 }
      onBreak?.()
    }
    if (Date.now() - broken.at > patienceMs) {
      throw new Unreachable(`Capstan could not be reached at ${client.url} for ${patienceMs / 1000} s`)
    }
    await pause(Math.max(delay, Math.min(100 * 2 ** broken.tries, 3000)))
    broken.tries += 1
  }
}

function wasGood({ state, openedAt }: Connection): boolean {
  return state === 'heard' || (state === 'opened' && Date.now() - openedAt > lastedMs)
}

/** The events of one connection. Returns at its end and throws Unreachable when it breaks. */
async function* listen(
  client: ApiClient,
  from: { path: string; after: number; silenceMs: number },
  connection: Connection,
): AsyncGenerator<SseEvent> {
  const closing = new AbortController()
  const silence = setTimeout(() => closing.abort(), from.silenceMs)
  try {
    const response = await client.stream(from.path, from.after, closing.signal)
    Object.assign(connection, { state: 'opened', openedAt: Date.now() })
    if (response.status === 204) connection.state = 'nothing-left'
    if (response.status === 204 || response.body === null) return
    yield* readSse(response.body, () => {
      connection.state = 'heard'
      silence.refresh()
    })
  } catch (error) {
    if (passingDelay(error) !== undefined || !isBroken(error)) throw error
    throw new Unreachable(`The connection to ${client.url} broke`, { cause: error })
  } finally {
    clearTimeout(silence)
    closing.abort()
  }
}

/** True for the errors of `fetch` for a body that ended early: its TypeError, or the abort of a silent connection. */
function isBroken(error: unknown): boolean {
  return error instanceof TypeError || (error instanceof Error && error.name === 'AbortError')
}
