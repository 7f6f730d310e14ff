import type { Knex } from 'knex'
import type { Logger } from '../logging/logging.ts'
import type { Listener } from './listener.ts'
import { eventsChannel, readEvents, type StoredEvent } from './store.ts'

/** Takes events in order. Returns false to be dropped (a slow or closed reader). */
export type Sink = (events: StoredEvent[]) => boolean

/** A reader: what takes its events, and what ends it from this side. */
export interface Subscription {
  after: number
  sink: Sink
  end(): void
}

export interface EventHub {
  /** From `after` on: what is stored, then live, in order, each number once. @returns the way to leave. */
  subscribe(stream: string, subscription: Subscription): () => void
  /** Ends all readers, e.g. because this process stops: they resume elsewhere. */
  close(): void
}

interface Reader extends Subscription {
  cursor: number
}

interface Feed {
  readers: Set<Reader>
  dirty: boolean
  pumping: boolean
}

const pageSize = 500

/**
 * Fans events out: per stream one query serves all its readers, however many. A reader joins before anything is
 * read for it, so nothing falls between "stored" and "live".
 */
export function createEventHub(db: Knex, listener: Listener, log: Logger): EventHub {
  const feeds = new Map<string, Feed>()

  function wake(stream: string): void {
    const feed = feeds.get(stream)
    if (feed === undefined) return
    feed.dirty = true
    if (!feed.pumping) void pump(stream, feed)
  }

  async function pump(stream: string, feed: Feed): Promise<void> {
    feed.pumping = true
    while (feed.dirty && feed.readers.size > 0) {
      feed.dirty = false
      try {
        const after = Math.min(...[...feed.readers].map((reader) => reader.cursor))
        const events = await readEvents(db, stream, { after, limit: pageSize })
        for (const reader of feed.readers) {
          // Who joined from further back while this was read waits for the next page: it would skip events.
          if (reader.cursor >= after) hand(feed, reader, events)
        }
        if (events.length === pageSize) feed.dirty = true
      } catch (error) {
        log.warn({ stream, err: error }, 'events could not be read')
        // The database is away; the listener's reconnection wakes every feed again. The timer covers a fault
        // that leaves the listening connection alive.
        setTimeout(() => wake(stream), 1000).unref()
      }
    }
    feed.pumping = false
    if (feed.readers.size === 0 && feeds.get(stream) === feed) feeds.delete(stream)
  }

  function hand(feed: Feed, reader: Reader, events: StoredEvent[]): void {
    const fresh = events.filter((event) => event.seq > reader.cursor)
    const last = fresh.at(-1)
    if (last === undefined) return
    reader.cursor = last.seq
    if (!reader.sink(fresh)) feed.readers.delete(reader)
  }

  listener.on(eventsChannel, (payload) => {
    for (const stream of payload.split(' ')) wake(stream)
  })
  listener.onConnect(() => {
    for (const stream of feeds.keys()) wake(stream)
  })

  return {
    subscribe(stream, subscription) {
      const feed = feeds.get(stream) ?? { readers: new Set<Reader>(), dirty: false, pumping: false }
      feeds.set(stream, feed)
      const reader = { ...subscription, cursor: subscription.after }
      feed.readers.add(reader)
      wake(stream)
      return () => {
        feed.readers.delete(reader)
        if (feed.readers.size === 0 && !feed.pumping && feeds.get(stream) === feed) feeds.delete(stream)
      }
    },
    close() {
      for (const feed of feeds.values()) for (const reader of feed.readers) reader.end()
    },
  }
}
