import { createPostgresBackend } from 'bullmq'
import pg from 'pg'
import { pause } from '../deadline.ts'
import { BoundedClient } from '../postgres/index.ts'

/** Between a failed try to connect and the next one: the library's own loops ask again at once. */
const pauseMs = 250
const heartbeatMs = 4000
const answerLimitMs = 5000

/**
 * The library's backend on PostgreSQL, made to survive outages:
 *
 * - It connects however often that fails. By itself it keeps its first try, also one that failed: a queue or a worker
 *   that was made while the database was just starting would never work, and would ask in a tight loop.
 * - Its listening connection has a heartbeat. By itself it may wait an hour for a notification on a connection that
 *   was dropped silently.
 */
export const persistentBackend: typeof createPostgresBackend = (name, options, more) => {
  const backend = createPostgresBackend(name, options, more)
  for (const part of [backend.connection, backend]) forgetFailures(part)
  // Where the library takes the class of its listening connection from; a test fails when that changes.
  Reflect.set(backend.connection, 'pgModule', { ...pg, Client: BeatingClient })
  return backend
}

function forgetFailures(part: { waitUntilReady(): Promise<void> }): void {
  const wait = part.waitUntilReady.bind(part)
  part.waitUntilReady = async () => {
    try {
      await wait()
    } catch (error) {
      // Where the library keeps the try; a test tells when it calls that something else.
      Reflect.deleteProperty(part, 'readyPromise')
      await pause(pauseMs)
      throw error
    }
  }
}

/** A check that is not answered ends the connection, and the library makes another one. */
class BeatingClient extends BoundedClient {
  constructor(config: pg.ClientConfig) {
    super(config, { queryMs: answerLimitMs })
    this.once('connect', () => {
      const timer = setInterval(() => void this.isAlive(), heartbeatMs)
      this.once('end', () => clearInterval(timer))
    })
  }
}
