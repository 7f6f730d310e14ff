import { pause } from '../../platform/deadline.ts'
import type { ApiClient } from './client.ts'
import { passingDelay, Unreachable } from './request.ts'
import { readSse, type SseEvent } from './sse-reader.ts'

export interface FollowOptions {
  /** Default 60 s: how long a broken connection is tried again before it counts as lost. */
  patienceMs?: number
  /** Default 0: the number of the last event that is not wanted. */
  after?: number
  /** Default 45 s: the API sends something every 15 s, so a connection that is silent for longer is dead. */
  silenceMs?: number
  /** Called once per break, before the first new try. */
  onBreak?(): void
}

/** What became of one connection. `nothing-left`: the stream has ended, and its reader has all of it. */
interface Connection {
  state: 'refused' | 'opened' | 'heard' | 'nothing-left'
  openedAt: number
}

/** An open connection that lasted this long, or said something, was one: others are another failed try. */
const lastedMs = 5000

/**
 * A stream's events from its beginning, or after a number, to its `end`, each once and in order, over as many connections as it takes.
 * @throws Unreachable when no connection could be had for `patienceMs`; ApiError for a refusal.
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
        // What was seen before the break may be sent again: it must not be shown again.
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

/** The events of one connection; ends, or throws Unreachable, when it breaks. */
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

/** How `fetch` tells that a body ended too early: a TypeError of its own, or the abort of a silent connection. */
function isBroken(error: unknown): boolean {
  return error instanceof TypeError || (error instanceof Error && error.name === 'AbortError')
}
