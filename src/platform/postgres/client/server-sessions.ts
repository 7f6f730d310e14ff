import type pg from 'pg'

/** The server's session of a connection. A process number may later belong to another session, which started later. */
export interface ServerSession {
  /** Server, database and user. */
  place: string
  processId: number
  /** When this session answered last, as of `performance.now()`. */
  answeredAt: number
}

/** The session of a client that has been connected; undefined where the server gave no process number. */
export function sessionOf(client: pg.Client, answeredAt: number): ServerSession | undefined {
  // The key that the server gave out at the start; the driver's types leave it out.
  const processId: unknown = Reflect.get(client, 'processID')
  if (typeof processId !== 'number') return undefined
  const place = `${client.host}:${client.port}/${client.database}/${client.user}`
  return { place, processId, answeredAt }
}

/**
 * Runs a query about sessions over a new connection.
 * @param open makes a client of the same server, database and user
 * @param query has the parameters `$1`, the process numbers, and `$2`, for how many milliseconds each has been silent
 * @returns undefined where the server can not be asked
 */
export async function queryAbout(
  sessions: ServerSession[],
  open: () => pg.Client,
  query: string,
): Promise<Record<string, unknown>[] | undefined> {
  const client = open()
  try {
    await client.connect()
    const now = performance.now()
    const { rows } = await client.query<Record<string, unknown>>(query, [
      sessions.map(({ processId }) => processId),
      sessions.map(({ answeredAt }) => now - answeredAt),
    ])
    return rows
  } catch {
    return undefined
  } finally {
    client.end().catch(() => undefined)
  }
}
