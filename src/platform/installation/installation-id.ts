import type { Knex } from 'knex'
import { pause } from '../deadline.ts'

/** Which Capstan this process belongs to: the id that is stored in its database. */
export interface Installation {
  /** Undefined until the database has answered for the first time. */
  id(): string | undefined
  /** Resolves once the id is known, however long the database is unreachable. Rejects once it is closed. */
  known(): Promise<string>
  close(): void
}

const retryMs = 500

/** Reads the id at its first use, and again until the database answers: a process starts without its database. */
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
    close: () => ending.abort(new Error('the process stops')),
  }
}

/** An installation whose id is given, for programs without a database of ours. */
export const installationNamed = (id: string): Installation => ({
  id: () => id,
  known: async () => id,
  close: () => undefined,
})
