import type { ApiClient } from './api-client.ts'
import { passingDelay, Unreachable } from './api-request.ts'
import { pause } from './deadline.ts'
import { readSse, type SseEvent } from './sse-reader.ts'

export interface FollowOptions {
  /** Default 60 s: how long a broken connection is tried again before it counts as lost. */
  patienceMs?: number
  /** Default 45 s: the API sends something every 15 s, so a connection that is silent for longer is dead. */
  silenceMs?: number
  /** Called once per break, before the first new try. */
  onBreak?(): void
}

/** A connection that lasted this long was one: only shorter ones count as another failed try. */
const lastedMs = 5000

/**
 * A stream's events from its beginning to its `end`, each once and in order, over as many connections as it takes.
 * @throws Unreachable when no connection could be had for `patienceMs`; ApiError for a refusal.
 */
export async function* followEvents(
  client: ApiClient,
  path: string,
  options: FollowOptions = {},
): AsyncGenerator<SseEvent> {
  const { patienceMs = 60_000, silenceMs = 45_000, onBreak } = options
  let after = 0
  let brokenAt: number | undefined
  for (let waitMs = 200; ; waitMs = Math.min(waitMs * 2, 3000)) {
    const openedAt = Date.now()
    const connection = { heard: false }
    let delay = 0
    try {
      for await (const event of listen(client, { path, after, silenceMs }, connection)) {
        // A repeat after a reconnection would be a second line for one event.
        if (event.id <= after) continue
        after = event.id
        yield event
        if (event.type === 'end') return
      }
      if (connection.heard === 'all') return
    } catch (error) {
      const passing = passingDelay(error)
      if (passing === undefined) throw error
      delay = passing
    }
    const wasGood = connection.heard || Date.now() - openedAt > lastedMs
    if (brokenAt === undefined || wasGood) {
      brokenAt = Date.now()
      waitMs = 200
      onBreak?.()
    }
    if (Date.now() - brokenAt > patienceMs) {
      throw new Unreachable(`The connection to ${client.url} was lost for ${Math.round(patienceMs / 1000)} s`)
    }
    await pause(Math.max(delay, waitMs))
  }
}
