import { createParser } from 'eventsource-parser'

/** One event of a stream of the API. */
export interface SseEvent {
  /** Its number in the stream. */
  id: number
  /** `message` if the event has no type. */
  type: string
  data: unknown
}

/**
 * Reads the API's Server-Sent Events: each has a number, and JSON as data. An incomplete event is dropped: the API sends
 * it again after a reconnection.
 * @param onBytes called for all bytes, including comments
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
