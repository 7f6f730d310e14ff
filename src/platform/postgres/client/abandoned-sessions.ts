import type pg from 'pg'
import { queryAbout, type ServerSession, sessionOf } from './server-sessions.ts'

/** Sessions on the server whose connections were closed here, by server, database and user. */
const abandoned = new Map<string, ServerSession[]>()

/** Milliseconds for which it is tried: a server that is unreachable for longer has most likely restarted. */
const patienceMs = 60_000
const pauseMs = 1000

/**
 * Ends the session of a closed connection on the server. The server does not notice a closed connection whose path is
 * silent: the session would keep its locks and its place among `max_connections` for up to hours. Runs in the
 * background over a connection of its own; never throws.
 * @param open makes a client of the same server, database and user
 */
export function endSession(client: pg.Client, answeredAt: number, open: () => pg.Client): void {
  const session = sessionOf(client, answeredAt)
  if (session === undefined) return
  const waiting = abandoned.get(session.place)
  if (waiting !== undefined) waiting.push(session)
  else {
    abandoned.set(session.place, [session])
    void endAll(session.place, open)
  }
}

async function endAll(place: string, open: () => pg.Client): Promise<void> {
  const giveUpAt = performance.now() + patienceMs
  // Those that are given up in the same moment share the first connection.
  await new Promise((resolve) => setImmediate(resolve))
  for (let waiting = abandoned.get(place) ?? []; waiting.length > 0; ) {
    const sessions = [...waiting]
    const rows = await queryAbout(sessions, open, terminate)
    if (rows !== undefined) waiting.splice(0, sessions.length)
    else if (performance.now() > giveUpAt) break
    else await new Promise((resolve) => setTimeout(resolve, pauseMs).unref())
  }
  abandoned.delete(place)
}

/** The start tells the session from a later one with the same process number, and from the number of a pooler. */
const terminate = `select pg_terminate_backend(activity.pid)
  from unnest($1::int[], $2::float8[]) as ours (pid, silent_ms)
  join pg_stat_activity activity on activity.pid = ours.pid
    and activity.backend_start < clock_timestamp() - ours.silent_ms * interval '1 millisecond'
  where activity.datname = current_database() and activity.usename = current_user`
