import { createPostgresBackend } from 'bullmq'
import pg from 'pg'
import { pause } from '../deadline.ts'
import { BoundedClient } from '../postgres/index.ts'

/** Milliseconds between two attempts to connect: the library's own loops retry without a pause. */
const retryPauseMs = 250
const heartbeatMs = 4000
const answerLimitMs = 5000

/**
 * The library's PostgreSQL backend, extended to survive outages:
 *
 * - It retries failed connections without end. The library caches its first attempt, even a failed one: a queue or a
 *   worker created while the database is starting would never work, and would retry in a tight loop.
 * - Its listening connection has a heartbeat. Without it, the library may wait an hour for a notification on a
 *   connection that was dropped silently.
 */
export const persistentBackend: typeof createPostgresBackend = (name, options, more) => {
  const backend = createPostgresBackend(name, options, more)
  for (const part of [backend.connection, backend]) dropFailedAttempts(part)
  // The library takes the class of its listening connection from this property; a test fails when that changes.
  Reflect.set(backend.connection, 'pgModule', { ...pg, Client: HeartbeatClient })
  return backend
}

function dropFailedAttempts(part: { waitUntilReady(): Promise<void> }): void {
  const wait = part.waitUntilReady.bind(part)
  part.waitUntilReady = async () => {
    try {
      await wait()
    } catch (error) {
      // The library caches its attempt in this property; a test fails when the property is renamed.
      Reflect.deleteProperty(part, 'readyPromise')
      await pause(retryPauseMs)
      throw error
    }
  }
}

/** A connection with a heartbeat: an unanswered check closes it, and the library opens a new one. */
class HeartbeatClient extends BoundedClient {
  constructor(config: pg.ClientConfig) {
    super(config, { queryMs: answerLimitMs })
    this.once('connect', () => {
      const timer = setInterval(() => void this.isAlive(), heartbeatMs)
      this.once('end', () => clearInterval(timer))
    })
  }
}
