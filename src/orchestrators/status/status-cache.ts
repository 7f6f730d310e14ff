import type { Knex } from 'knex'
import { type EventHub, streamHead } from '../../platform/events/index.ts'
import { type Prepared, prepare } from '../../platform/http/index.ts'
import type { Logger } from '../../platform/logging/logging.ts'
import type { OrchestratorsConfig } from '../config.ts'
import { type LastCycle, lastCycle, nodeStates } from '../store/status.ts'
import { statusStream } from './stream.ts'
import { statusView } from './view.ts'

/** The status at one moment, written once for everybody. */
export interface Version {
  /** Of the event that it is up to date with. */
  seq: number
  at: Date
  data: object
  status: Prepared
  summary: Prepared
}

/** The current status in memory: loaded at the first use, then again by each event. Reading it asks nobody. */
export interface Board {
  /** At once when it was loaded before. @throws when it never was and the database is away. */
  current(): Version | Promise<Version>
  /** Called with each version after this. @returns the way to leave. */
  follow(follower: (version: Version) => void): () => void
}

export interface BoardOptions {
  db: Knex
  hub: EventHub
  log: Logger
  config: OrchestratorsConfig
  /** The database's time, in milliseconds. */
  now: () => number
}

type Loaded = Omit<Version, 'status' | 'summary' | 'data'> & {
  view: ReturnType<typeof statusView>
  /** From then on the latest cycle is too old to be believed. */
  staleAt: number
  fresh?: Version
  stale?: Version
}

const retryMs = 1000
/** A cycle that seems to have begun later than now by more was recorded by a clock that was ahead. */
const toleratedMs = 5000

/** When the latest cycle is too old to be believed; one from the future never was young. */
function staleAt(cycle: LastCycle | undefined, now: Date): number {
  if (cycle === undefined || cycle.startedAt.getTime() > now.getTime() + toleratedMs)
    return Number.NEGATIVE_INFINITY
  return cycle.startedAt.getTime() + 2 * cycle.seconds * 1000
}

export function createBoard(options: BoardOptions): Board {
  const { db, hub, log, config, now } = options
  const followers = new Set<(version: Version) => void>()
  let loaded: Loaded | undefined
  let first: Promise<Loaded> | undefined
  let refreshing = false
  let again = false

  async function load(): Promise<Loaded> {
    // Before what it is about: an event in between is then shown once more, never missed.
    const head = await streamHead(db, statusStream)
    const [nodes, cycle] = await Promise.all([nodeStates(db), lastCycle(db)])
    const at = new Date(now())
    const { minOnline, stallAfterMs } = config
    const view = statusView({ nodes, cycle, minOnline, stallAfterMs, at })
    return { seq: head?.seq ?? 0, at, view, staleAt: staleAt(cycle, at) }
  }

  /** Repeated until it works, and once more for an event that came meanwhile. */
  async function refresh(): Promise<void> {
    again = true
    if (refreshing) return
    refreshing = true
    try {
      while (again) {
        again = false
        loaded = await load()
        for (const follower of followers) follower(versionOf(loaded, now()))
      }
    } catch (error) {
      log.warn({ err: error }, 'the status could not be read')
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
      if (loaded !== undefined) return versionOf(loaded, now())
      first ??= begin()
      // After a failure the next call tries again.
      first.catch(() => {
        first = undefined
      })
      return first.then((initial) => versionOf(initial, now()))
    },
    follow(follower) {
      followers.add(follower)
      return () => void followers.delete(follower)
    },
  }
}

/** Written when somebody first asks for it; whether it is stale depends on the time, so there are two. */
function versionOf(loaded: Loaded, now: number): Version {
  const stale = now >= loaded.staleAt
  const known = stale ? loaded.stale : loaded.fresh
  if (known !== undefined) return known
  const summary = { ...loaded.view.summary, stale }
  const data = { ...summary, orchestrators: loaded.view.orchestrators }
  const { seq, at } = loaded
  const version = { seq, at, data, status: prepared(data), summary: prepared(summary) }
  if (stale) loaded.stale = version
  else loaded.fresh = version
  return version
}

const prepared = (value: object) => prepare(JSON.stringify(value), 'application/json; charset=utf-8')
