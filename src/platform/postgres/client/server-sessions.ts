import type pg from 'pg'

/** The server's session of a connection. Its process id may be reused by a session that starts later. */
export interface ServerSession {
  /** The server, the database and the user, as one key. */
  place: string
  processId: number
  /** The time of the session's last answer, as of `performance.now()`. */
  answeredAt: number
}

/** The session of a client that has connected; undefined if the server sent no process id. */
export function sessionOf(client: pg.Client, answeredAt: number): ServerSession | undefined {
  // The server sends the process id at the start of the session; the driver's types omit it.
  const processId: unknown = Reflect.get(client, 'processID')
  if (typeof processId !== 'number') return undefined
  const place = `${client.host}:${client.port}/${client.database}/${client.user}`
  return { place, processId, answeredAt }
}

/**
 * Runs a query about sessions over a new connection.
 * @param open creates a client for the same server, database and user
 * @param query has the parameters `$1`, the process ids, and `$2`, the milliseconds since each session's last answer
 * @returns undefined if the query fails
 */
export async function querySessions(
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
