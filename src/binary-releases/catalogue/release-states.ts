import type { Knex } from 'knex'
import type { Listener } from '../../platform/events/index.ts'
import { isDatabaseUnavailable } from '../../platform/postgres/index.ts'
import { type ChannelRow, readChannels, readYanks, stateChannel, type Yank } from '../store/channels.ts'
import type { Channel } from './metadata.ts'

/** The part of the catalogue that the database holds: channel moves and withdrawals. */
export interface ReleaseState {
  channels: ReadonlyMap<Channel, ChannelRow>
  yanks: ReadonlyMap<string, Yank>
}

export interface ReleaseStates {
  current(): Promise<ReleaseState>
  /** Makes the next `current` read the database, after a change in this process. */
  invalidate(): void
  /** Registers a handler for each newly read state, called before `current` returns it. */
  onChange(handler: (now: ReleaseState, before: ReleaseState | undefined) => void): void
}

/** Maximum age of the state: a bound for the case that a change notification is lost or late. */
const maxAgeMs = 2000

/** Caches the state in memory: every read of a release needs it, and it changes a few times a day. */
export function createReleaseStates(
  db: Knex,
  listener: Pick<Listener, 'on' | 'onConnect'>,
  now: () => number = () => performance.now(),
): ReleaseStates {
  const handlers: Parameters<ReleaseStates['onChange']>[0][] = []
  let lastState: ReleaseState | undefined
  let readAt = Number.NEGATIVE_INFINITY
  let changes = 0
  let pendingRead: Promise<ReleaseState> | undefined

  async function read(): Promise<ReleaseState> {
    const before = changes
    try {
      const [channels, yanks] = await Promise.all([readChannels(db), readYanks(db)])
      const state = {
        channels: new Map(channels.map((each) => [each.channel, each])),
        yanks: new Map(yanks.map((each) => [each.version, each])),
      }
      for (const handler of handlers) handler(state, lastState)
      lastState = state
    } catch (error) {
      // The last state is better than an error. Download links are recorded, so they fail without the database anyway.
      if (lastState === undefined || !isDatabaseUnavailable(error)) throw error
    }
    // A change during the read may be missing in the result.
    readAt = before === changes ? now() : Number.NEGATIVE_INFINITY
    return lastState
  }

  function invalidate(): void {
    changes += 1
    readAt = Number.NEGATIVE_INFINITY
    // Later callers must not share a read that began before the change.
    pendingRead = undefined
  }
  listener.on(stateChannel, invalidate)
  listener.onConnect(invalidate)

  return {
    async current() {
      if (lastState !== undefined && now() - readAt < maxAgeMs) return lastState
      if (pendingRead === undefined) {
        const own: Promise<ReleaseState> = read().finally(() => {
          if (pendingRead === own) pendingRead = undefined
        })
        pendingRead = own
      }
      return pendingRead
    },
    invalidate,
    onChange: (handler) => void handlers.push(handler),
  }
}
