import type pg from 'pg'

/** A session on the server whose connection was given up here. */
interface Session {
  processId: number
  /** When the server was last heard of in it, as of `performance.now()`. */
  answeredAt: number
}

/** By server, database and user. */
const abandoned = new Map<string, Session[]>()

/** Milliseconds for which it is tried: a server that is unreachable for longer has most likely restarted. */
const patienceMs = 60_000
const pauseMs = 1000

/**
 * Ends sessions that the server still keeps, although we have closed their connections: it does not notice where what
 * lies between is silent. Without that they would hold their locks, and their places among `max_connections`, for up to
 * hours. In the background, over a connection of its own; never throws.
 * @param open makes a client of the same server, database and user
 */
export function endSession(client: pg.Client, answeredAt: number, open: () => pg.Client): void {
  // The key that the server gave out at the start; the driver's types leave it out.
  const processId: unknown = Reflect.get(client, 'processID')
  if (typeof processId !== 'number') return
  const place = `${client.host}:${client.port}/${client.database}/${client.user}`
  const session = { processId, answeredAt }
  const waiting = abandoned.get(place)
  if (waiting !== undefined) waiting.push(session)
  else {
    abandoned.set(place, [session])
    void endAll(place, open)
  }
}

async function endAll(place: string, open: () => pg.Client): Promise<void> {
  const giveUpAt = performance.now() + patienceMs
  // Those that are given up in the same moment share the first connection.
  await new Promise((resolve) => setImmediate(resolve))
  for (let waiting = abandoned.get(place) ?? []; waiting.length > 0; ) {
    const sessions = [...waiting]
    if (await tryToEnd(sessions, open)) waiting.splice(0, sessions.length)
    else if (performance.now() > giveUpAt) break
    else await new Promise((resolve) => setTimeout(resolve, pauseMs).unref())
  }
  abandoned.delete(place)
}

/**
 * A number of a process may meanwhile be another session's, or a pooler's that means nothing to the server. Ours has
 * begun before we last heard of it, which no later session has.
 */
const terminate = `select pg_terminate_backend(activity.pid)
  from unnest($1::int[], $2::float8[]) as ours (pid, silent_ms)
  join pg_stat_activity activity on activity.pid = ours.pid
    and activity.backend_start < clock_timestamp() - ours.silent_ms * interval '1 millisecond'
  where activity.datname = current_database() and activity.usename = current_user`

async function tryToEnd(sessions: Session[], open: () => pg.Client): Promise<boolean> {
  const client = open()
  try {
    await client.connect()
    const now = performance.now()
    await client.query(terminate, [
      sessions.map(({ processId }) => processId),
      sessions.map(({ answeredAt }) => now - answeredAt),
    ])
    return true
  } catch {
    return false
  } finally {
    client.end().catch(() => undefined)
  }
}
