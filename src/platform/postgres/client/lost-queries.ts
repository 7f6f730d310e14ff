import type pg from 'pg'
import { querySessions, type ServerSession, sessionOf } from './server-sessions.ts'

interface PendingCheck {
  session: ServerSession
  answer(isLost: boolean): void
}

/** The checks that wait for the next query of a server's sessions, by server, database and user. */
const pendingChecks = new Map<string, PendingCheck[]>()

/**
 * True if the server is not executing a query of this connection, or no longer has its session: the query or its
 * answer was lost in the network. False if the server is executing it, or if the state is unknown: the server is
 * unreachable, does not track activities, or is behind a pooler, whose process ids are not the server's. Checks over
 * a new connection, one at a time for each server; never throws.
 * @param open creates a client for the same server, database and user
 */
export function isQueryLost(client: pg.Client, answeredAt: number, open: () => pg.Client): Promise<boolean> {
  const session = sessionOf(client, answeredAt)
  if (session === undefined) return Promise.resolve(false)
  return new Promise((answer) => {
    const waiting = pendingChecks.get(session.place)
    if (waiting !== undefined) waiting.push({ session, answer })
    else {
      pendingChecks.set(session.place, [{ session, answer }])
      void runChecks(session.place, open)
    }
  })
}

async function runChecks(place: string, open: () => pg.Client): Promise<void> {
  for (let waiting = pendingChecks.get(place) ?? []; waiting.length > 0; ) {
    // Checks requested at the same moment share a connection.
    await new Promise((resolve) => setImmediate(resolve))
    const checks = waiting.splice(0)
    const lost = await findLost(
      checks.map(({ session }) => session),
      open,
    )
    for (const { session, answer } of checks) answer(lost.has(session.processId))
  }
  pendingChecks.delete(place)
}

async function findLost(sessions: ServerSession[], open: () => pg.Client): Promise<Set<unknown>> {
  const client = open()
  const rows = await querySessions(sessions, () => client, lostSessions)
  // Behind a pooler, this connection's process id differs from the server's too, and no result is trusted.
  const own = Reflect.get(client, 'processID')
  return new Set(rows?.filter(({ asked_by }) => asked_by === own).map(({ pid }) => pid))
}

/** Selects sessions that are gone or wait for the client: their answer was sent, or the query did not arrive whole. */
const lostSessions = `select ours.pid, pg_backend_pid() as asked_by
  from unnest($1::int[], $2::float8[]) as ours (pid, silent_ms)
  left join pg_stat_activity activity on activity.pid = ours.pid
    and activity.backend_start < clock_timestamp() - ours.silent_ms * interval '1 millisecond'
  where activity.pid is null or activity.state like 'idle%'
    or (activity.state = 'active' and activity.wait_event_type = 'Client')`
