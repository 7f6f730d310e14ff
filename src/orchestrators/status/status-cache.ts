import type { Knex } from 'knex'
import { type EventHub, streamHead } from '../../platform/events/index.ts'
import { type Prepared, prepare } from '../../platform/http/index.ts'
import type { Logger } from '../../platform/logging/logging.ts'
import type { OrchestratorsConfig } from '../config.ts'
import { type LastCycle, lastCycle, nodeStates } from '../store/status.ts'
import { statusStream } from './stream.ts'
import { statusView } from './view.ts'

/** The status at one moment, serialized once for all clients. */
export interface StatusSnapshot {
  /** The sequence number of the event that the snapshot includes. */
  seq: number
  at: Date
  data: object
  status: Prepared
  summary: Prepared
}

/** The current status in memory: loaded at the first use and again at each event. Reading it causes no query. */
export interface StatusCache {
  /** Resolves at once if it was loaded before. @throws if it was never loaded and the database is unreachable */
  current(): StatusSnapshot | Promise<StatusSnapshot>
  /** Calls the listener with each later snapshot. @returns a function that unsubscribes */
  follow(follower: (snapshot: StatusSnapshot) => void): () => void
}

export interface StatusCacheOptions {
  db: Knex
  hub: EventHub
  log: Logger
  config: OrchestratorsConfig
  /** The database's time, in milliseconds. */
  now: () => number
}

type Loaded = Omit<StatusSnapshot, 'status' | 'summary' | 'data'> & {
  view: ReturnType<typeof statusView>
  /** The time from which the latest cycle counts as stale. */
  staleAt: number
  fresh?: StatusSnapshot
  stale?: StatusSnapshot
}

const retryMs = 1000
/** A cycle whose start lies further in the future than this was recorded by a clock that was ahead. */
const toleratedMs = 5000

/** The time from which the latest cycle is stale; one from the future is stale already. */
function staleAt(cycle: LastCycle | undefined, now: Date): number {
  if (cycle === undefined || cycle.startedAt.getTime() > now.getTime() + toleratedMs)
    return Number.NEGATIVE_INFINITY
  return cycle.startedAt.getTime() + 2 * cycle.seconds * 1000
}

export function createStatusCache(options: StatusCacheOptions): StatusCache {
  const { db, hub, log, config, now } = options
  const followers = new Set<(snapshot: StatusSnapshot) => void>()
  let loaded: Loaded | undefined
  let first: Promise<Loaded> | undefined
  let refreshing = false
  let again = false

  async function load(): Promise<Loaded> {
    // Read before the data: an event in between then causes one more load and is never missed.
    const head = await streamHead(db, statusStream)
    const [nodes, cycle] = await Promise.all([nodeStates(db), lastCycle(db)])
    const at = new Date(now())
    const { minOnline, stallAfterMs } = config
    const view = statusView({ nodes, cycle, minOnline, stallAfterMs, at })
    return { seq: head?.seq ?? 0, at, view, staleAt: staleAt(cycle, at) }
  }

  /** Retries until it succeeds, and loads again for an event that arrived meanwhile. */
  async function refresh(): Promise<void> {
    again = true
    if (refreshing) return
    refreshing = true
    try {
      while (again) {
        again = false
        loaded = await load()
        for (const follower of followers) follower(snapshotOf(loaded, now()))
      }
    } catch (error) {
      log.warn({ err: error }, 'loading the status failed')
      setTimeout(() => void refresh(), retryMs).unref()
    } finally {
      refreshing = false
    }
  }

  async function begin(): Promise<Loaded> {
    const initial = await load()
    loaded = initial
    const subscription = {
      after: initial.seq,
      sink() {
        void refresh()
        return true
      },
      end: () => undefined,
    }
    hub.subscribe(statusStream, subscription)
    return initial
  }

  return {
    current() {
      if (loaded !== undefined) return snapshotOf(loaded, now())
      first ??= begin()
      // After a failure the next call loads again.
      first.catch(() => {
        first = undefined
      })
      return first.then((initial) => snapshotOf(initial, now()))
    },
    follow(follower) {
      followers.add(follower)
      return () => void followers.delete(follower)
    },
  }
}

/** Serialized at the first use; staleness depends on the time, so there are two texts. */
function snapshotOf(loaded: Loaded, now: number): StatusSnapshot {
  const stale = now >= loaded.staleAt
  const known = stale ? loaded.stale : loaded.fresh
  if (known !== undefined) return known
  const summary = { ...loaded.view.summary, stale }
  const data = { ...summary, orchestrators: loaded.view.orchestrators }
  const { seq, at } = loaded
  const snapshot = { seq, at, data, status: prepared(data), summary: prepared(summary) }
  if (stale) loaded.stale = snapshot
  else loaded.fresh = snapshot
  return snapshot
}

const prepared = (value: object) => prepare(JSON.stringify(value), 'application/json; charset=utf-8')
