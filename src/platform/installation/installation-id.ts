import type { Knex } from 'knex'
import { pause } from '../deadline.ts'

/** The id of the installation that this process belongs to, as stored in its database. */
export interface Installation {
  /** Undefined until the id has been read from the database. */
  id(): string | undefined
  /** Resolves once the id has been read, however long the database is unreachable. Rejects after `close`. */
  known(): Promise<string>
  close(): void
}

const retryMs = 500

/** Reads the id at its first use and retries until the database responds: a process may start without its database. */
export function createInstallation(db: Knex): Installation {
  const ending = new AbortController()
  let id: string | undefined
  let reading: Promise<string> | undefined

  async function read(): Promise<string> {
    for (;;) {
      ending.signal.throwIfAborted()
      const row = await db('installation')
        .first('id')
        .catch(() => undefined)
      if (row !== undefined) return row.id
      await pause(retryMs, ending.signal)
    }
  }

  function known(): Promise<string> {
    reading ??= read().then((found) => {
      id = found
      return found
    })
    return reading
  }

  return {
    id() {
      known().catch(() => undefined)
      return id
    },
    known,
    close: () => ending.abort(new Error('the process is stopping')),
  }
}

/** An installation with a given id, for programs without Capstan's database. */
export const installationNamed = (id: string): Installation => ({
  id: () => id,
  known: async () => id,
  close: () => undefined,
})
