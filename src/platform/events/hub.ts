import type { Knex } from 'knex'
import type { Logger } from '../logging/logging.ts'
import type { Listener } from './listener.ts'
import { eventsChannel, readEvents, type StoredEvent } from './store.ts'

/** Receives events in order. Returns false to be unsubscribed (a slow or closed reader). */
export type Sink = (events: StoredEvent[]) => boolean

/** A reader: `sink` receives the events after the number `after`; `end` closes the reader from the server's side. */
export interface Subscription {
  after: number
  sink: Sink
  end(): void
}

export interface EventHub {
  /** Delivers stored events after `after`, then live ones: in order, each number once. @returns unsubscribes. */
  subscribe(stream: string, subscription: Subscription): () => void
  /** Ends all readers, e.g. when this process stops: they reconnect to another process. */
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
 * Distributes events: one query per stream serves any number of readers. A reader is registered before its first events
 * are read, so it misses none between the stored and the live ones.
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
          // A reader that joined meanwhile with an older cursor waits for the next page, or it would skip events.
          if (reader.cursor >= after) deliver(feed, reader, events)
        }
        if (events.length === pageSize) feed.dirty = true
      } catch (error) {
        log.warn({ stream, err: error }, 'events could not be read')
        // When the database is unreachable, the listener's reconnection wakes every feed. The timer covers faults
        // that leave the listening connection open.
        setTimeout(() => wake(stream), 1000).unref()
      }
    }
    feed.pumping = false
    if (feed.readers.size === 0 && feeds.get(stream) === feed) feeds.delete(stream)
  }

  function deliver(feed: Feed, reader: Reader, events: StoredEvent[]): void {
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
