import { createParser } from 'eventsource-parser'

/** One event of one of our streams. */
export interface SseEvent {
  /** Its number in the stream. */
  id: number
  /** `message` when the event names none. */
  type: string
  data: unknown
}

/**
 * Reads Server-Sent Events as our API writes them: each has a number, and JSON as data. An event that was cut off
 * is left out: the API sends it again after a reconnection.
 * @param onBytes called for whatever arrives, comments too.
 */
export async function* readSse(
  body: AsyncIterable<Uint8Array>,
  onBytes: () => void = () => undefined,
): AsyncGenerator<SseEvent> {
  const decoder = new TextDecoder()
  const events: SseEvent[] = []
  const parser = createParser({
    onEvent({ id, event = 'message', data }) {
      if (id !== undefined && /^\d+$/.test(id))
        events.push({ id: Number(id), type: event, data: JSON.parse(data) })
    },
  })
  for await (const chunk of body) {
    onBytes()
    parser.feed(decoder.decode(chunk, { stream: true }))
    yield* events.splice(0)
  }
}
