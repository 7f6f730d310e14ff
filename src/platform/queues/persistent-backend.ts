import { createPostgresBackend } from 'bullmq'
import { pause } from '../deadline.ts'

/** Between a failed try to connect and the next one: the library's own loops ask again at once. */
const pauseMs = 250

/**
 * The library's backend on PostgreSQL, which connects however often that fails. By itself it keeps its first try, also one
 * that failed: a queue or a worker that was made while the database was just starting would be of no use, and would ask
 * in a tight loop, for as long as its process lives.
 */
export const persistentBackend: typeof createPostgresBackend = (name, options, more) => {
  const backend = createPostgresBackend(name, options, more)
  for (const part of [backend.connection, backend]) forgetFailures(part)
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
