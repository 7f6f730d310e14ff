import type pg from 'pg'
import { queryAbout, type ServerSession, sessionOf } from './server-sessions.ts'

interface Question {
  session: ServerSession
  answer(isLost: boolean): void
}

/** Questions for the next look at the sessions of a server, database and user. */
const asked = new Map<string, Question[]>()

/**
 * True if the server does not work on a query of this connection, or has no such session any more: the query or its
 * answer was lost on the way. False if it works on it, and if that can't be found out: if the server is unreachable,
 * does not track activities, or is behind a pooler, whose process numbers are not the server's. Asks over a new
 * connection, one at a time for each server; never throws.
 * @param open makes a client of the same server, database and user
 */
export function isQueryLost(client: pg.Client, answeredAt: number, open: () => pg.Client): Promise<boolean> {
  const session = sessionOf(client, answeredAt)
  if (session === undefined) return Promise.resolve(false)
  return new Promise((answer) => {
    const waiting = asked.get(session.place)
    if (waiting !== undefined) waiting.push({ session, answer })
    else {
      asked.set(session.place, [{ session, answer }])
      void answerAll(session.place, open)
    }
  })
}

async function answerAll(place: string, open: () => pg.Client): Promise<void> {
  for (let waiting = asked.get(place) ?? []; waiting.length > 0; ) {
    // Questions of the same moment share a connection.
    await new Promise((resolve) => setImmediate(resolve))
    const questions = waiting.splice(0)
    const lost = await lostOf(
      questions.map(({ session }) => session),
      open,
    )
    for (const { session, answer } of questions) answer(lost.has(session.processId))
  }
  asked.delete(place)
}

async function lostOf(sessions: ServerSession[], open: () => pg.Client): Promise<Set<unknown>> {
  const client = open()
  const rows = await queryAbout(sessions, () => client, states)
  // A pooler has given out a process number of its own to this connection, too.
  const own = Reflect.get(client, 'processID')
  return new Set(rows?.filter(({ asked_by }) => asked_by === own).map(({ pid }) => pid))
}

/** A session that waits for its client has sent what it had, or waits for more than it was sent. */
const states = `select ours.pid, pg_backend_pid() as asked_by
  from unnest($1::int[], $2::float8[]) as ours (pid, silent_ms)
  left join pg_stat_activity activity on activity.pid = ours.pid
    and activity.backend_start < clock_timestamp() - ours.silent_ms * interval '1 millisecond'
  where activity.pid is null or activity.state like 'idle%'
    or (activity.state = 'active' and activity.wait_event_type = 'Client')`
