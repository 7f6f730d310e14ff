import type { Knex } from 'knex'
import type { Listener } from '../../platform/events/index.ts'
import { isDatabaseUnavailable } from '../../platform/postgres/index.ts'
import { type ChannelRow, readChannels, readYanks, stateChannel, type Yank } from '../store/channels.ts'
import type { Channel } from './metadata.ts'

/** What the database knows beside the bucket: where channels were moved to, and what was withdrawn. */
export interface ReleaseState {
  channels: ReadonlyMap<Channel, ChannelRow>
  yanks: ReadonlyMap<string, Yank>
}

export interface ReleaseStates {
  current(): Promise<ReleaseState>
  /** The next reader looks again: something was changed here. */
  invalidate(): void
  /** Called with each newly read state, before anybody gets it. */
  onChange(handler: (now: ReleaseState, before: ReleaseState | undefined) => void): void
}

/** A notification tells of a change, mostly at once; this is for one that was lost or is late. */
const maxAgeMs = 2000

/** The state in memory: every read of a release needs it, and it changes a few times a day. */
export function createReleaseStates(
  db: Knex,
  listener: Pick<Listener, 'on' | 'onConnect'>,
  now: () => number = () => performance.now(),
): ReleaseStates {
  const handlers: Parameters<ReleaseStates['onChange']>[0][] = []
  let known: ReleaseState | undefined
  let readAt = Number.NEGATIVE_INFINITY
  let changes = 0
  let reading: Promise<ReleaseState> | undefined

  async function read(): Promise<ReleaseState> {
    const before = changes
    try {
      const [channels, yanks] = await Promise.all([readChannels(db), readYanks(db)])
      const state = {
        channels: new Map(channels.map((each) => [each.channel, each])),
        yanks: new Map(yanks.map((each) => [each.version, each])),
      }
      for (const handler of handlers) handler(state, known)
      known = state
    } catch (error) {
      // What is known is better than no answer; links, which are recorded, need the database anyway.
      if (known === undefined || !isDatabaseUnavailable(error)) throw error
    }
    // A change that came while it was read may be missing in it.
    readAt = before === changes ? now() : Number.NEGATIVE_INFINITY
    return known
  }

  function invalidate(): void {
    changes += 1
    readAt = Number.NEGATIVE_INFINITY
    // Whoever comes now must not join a reading that began before the change.
    reading = undefined
  }
  listener.on(stateChannel, invalidate)
  listener.onConnect(invalidate)

  return {
    async current() {
      if (known !== undefined && now() - readAt < maxAgeMs) return known
      if (reading === undefined) {
        const own: Promise<ReleaseState> = read().finally(() => {
          if (reading === own) reading = undefined
        })
        reading = own
      }
      return reading
    },
    invalidate,
    onChange: (handler) => void handlers.push(handler),
  }
}
