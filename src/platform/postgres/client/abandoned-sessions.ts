import type pg from 'pg'
import { querySessions, type ServerSession, sessionOf } from './server-sessions.ts'

/** Sessions on the server whose connections were closed here, by server, database and user. */
const abandoned = new Map<string, ServerSession[]>()

/** Milliseconds during which attempts are repeated: a server unreachable for longer has most likely restarted. */
const patienceMs = 60_000
const pauseMs = 1000

/**
 * Ends the session of a closed connection on the server. Over a silent network, the server does not notice the close:
 * the session would keep its locks and its share of `max_connections` for up to hours. Runs in the background over a
 * separate connection; never throws.
 * @param open creates a client for the same server, database and user
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
  // Sessions that are given up at the same moment share the first connection.
  await new Promise((resolve) => setImmediate(resolve))
  for (let waiting = abandoned.get(place) ?? []; waiting.length > 0; ) {
    const sessions = [...waiting]
    const rows = await querySessions(sessions, open, terminate)
    if (rows !== undefined) waiting.splice(0, sessions.length)
    else if (performance.now() > giveUpAt) break
    else await new Promise((resolve) => setTimeout(resolve, pauseMs).unref())
  }
  abandoned.delete(place)
}

/** Compares the start of the session, which excludes later sessions with the same process id and ids of a pooler. */
const terminate = `select pg_terminate_backend(activity.pid)
  from unnest($1::int[], $2::float8[]) as ours (pid, silent_ms)
  join pg_stat_activity activity on activity.pid = ours.pid
    and activity.backend_start < clock_timestamp() - ours.silent_ms * interval '1 millisecond'
  where activity.datname = current_database() and activity.usename = current_user`
