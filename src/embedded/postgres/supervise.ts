import { setTimeout as delay } from 'node:timers/promises'
import { type EmbeddedPostgres, type EmbeddedPostgresOptions, startEmbeddedPostgres } from './start.ts'

export interface SupervisedPostgres {
  /** The connection URL. It stays the same after restarts, so that clients can reconnect. */
  url: string
  /** Stops the server, and a restart in progress. Idempotent. */
  stop(): Promise<void>
}

/**
 * Like `startEmbeddedPostgres`, but restarts the server whenever it exits, until `stop` is called.
 * @throws StartFault
 */
export async function superviseEmbeddedPostgres(
  options: EmbeddedPostgresOptions,
): Promise<SupervisedPostgres> {
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
      log.error({ reason }, 'PostgreSQL exited; restarting it')
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
        log.error({ err: error, delayMs }, 'PostgreSQL could not be restarted')
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
