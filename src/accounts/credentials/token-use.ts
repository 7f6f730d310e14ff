import type { Knex } from 'knex'
import type { Logger } from '../../platform/logging/logging.ts'
import { createLoop } from '../../platform/process/lifecycle.ts'
import { touchTokens } from '../store/api-tokens.ts'

/** Stores the last use of tokens once a minute, because a write per request would contend for their rows. */
export interface TokenUse {
  note(tokenId: string, at: Date): void
  flush(): Promise<void>
  start(): Promise<void>
  /** Writes the remaining uses. */
  stop(): Promise<void>
}

export function createTokenUse(db: Knex, log: Logger): TokenUse {
  let used = new Map<string, Date>()

  async function flush(): Promise<void> {
    if (used.size === 0) return
    const batch = used
    used = new Map()
    try {
      await touchTokens(db, batch)
    } catch (error) {
      // The batch is kept for the next flush; a newer use of the same token wins.
      used = new Map([...batch, ...used])
      throw error
    }
  }

  const loop = createLoop({ name: 'token-use', intervalMs: 60_000, log }, flush)
  return {
    note(tokenId, at) {
      used.set(tokenId, at)
    },
    flush,
    start: () => loop.start(),
    async stop() {
      await loop.stop()
      await flush().catch((error: unknown) => log.warn({ err: error }, 'last use of tokens not written'))
    },
  }
}
