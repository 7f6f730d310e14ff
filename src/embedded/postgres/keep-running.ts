import { setTimeout as delay } from 'node:timers/promises'
import { type EmbeddedPostgres, type EmbeddedPostgresOptions, startEmbeddedPostgres } from './start.ts'

export interface KeptPostgres {
  /** Stays the same over restarts, so that clients find the server again by themselves. */
  url: string
  /** Idempotent; also ends a restart that is under way. */
  stop(): Promise<void>
}

/** As `startEmbeddedPostgres`, and starts the server again whenever it dies, until `stop`. */
export async function keepEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<KeptPostgres> {
  const { log } = options
  const ending = new AbortController()
  let current: EmbeddedPostgres | undefined = await startEmbeddedPostgres(options)
  const { url } = current
  let restarting: Promise<void> | undefined
  watch(current)

  function watch(server: EmbeddedPostgres): void {
    server.onExit((reason) => {
      current = undefined
      if (ending.signal.aborted) return
      log.error({ reason }, 'PostgreSQL ended; starting it again')
      restarting = restart()
    })
  }

  async function restart(): Promise<void> {
    for (let delayMs = 200; !ending.signal.aborted; delayMs = Math.min(delayMs * 2, 5000)) {
      try {
        current = await startEmbeddedPostgres({ ...options, keepPort: true, signal: ending.signal })
        watch(current)
        return
      } catch (error) {
        if (ending.signal.aborted) return
        log.error({ err: error, delayMs }, 'PostgreSQL could not be started again')
        await delay(delayMs, undefined, { signal: ending.signal }).catch(() => undefined)
      }
    }
  }

  return {
    url,
    async stop() {
      ending.abort()
      await restarting
      await current?.stop()
    },
  }
}
