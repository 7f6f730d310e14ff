import type { Knex } from 'knex'

export interface NewEvent {
  stream: string
  /** `message` is the default type of SSE; `end` closes the stream. */
  type: string
  data: unknown
}

export interface StoredEvent {
  seq: number
  type: string
  data: unknown
  at: Date
}

export const eventsChannel = 'capstan_events'

/**
 * Appends events with gap-free numbers per stream, and wakes the readers at commit. Call it last in a transaction: it
 * locks the streams' rows until the commit (in sorted order, against deadlocks), so that no reader sees event 8 before
 * event 7 is visible.
 */
export async function appendEvents(db: Knex, events: NewEvent[]): Promise<void> {
  if (events.length === 0) return
  await db.raw('select append_events(?::text[], ?::text[], ?::json[])', appendedColumns(events))
}

/** The arguments of the SQL function `append_events`: streams, types and data. */
export const appendedColumns = (events: NewEvent[]): [string[], string[], string[]] => [
  events.map((event) => event.stream),
  events.map((event) => event.type),
  events.map((event) => JSON.stringify(event.data)),
]

/** Events of a stream after a number, oldest first. */
export async function readEvents(
  db: Knex,
  stream: string,
  page: { after: number; limit: number },
): Promise<StoredEvent[]> {
  const rows = await db('events')
    .where({ stream })
    .where('seq', '>', page.after)
    .orderBy('seq')
    .limit(page.limit)
  return rows.map((row) => ({ seq: Number(row.seq), type: row.type, data: row.data, at: row.at }))
}

/**
 * The number of a stream's last event, and whether the stream has ended; undefined for a stream without events. An
 * `end` event that later events follow (a manual retry) does not count.
 */
export async function streamHead(
  db: Knex,
  stream: string,
): Promise<{ seq: number; ended: boolean } | undefined> {
  const row = await db('events').where({ stream }).orderBy('seq', 'desc').first('seq', 'type')
  return row === undefined ? undefined : { seq: Number(row.seq), ended: row.type === 'end' }
}

/**
 * Removes old events of a stream that never ends; later events keep their numbers. @returns the number of removed
 * events, at most `limit`.
 */
export function pruneEvents(
  db: Knex,
  stream: string,
  limits: { days: number; limit: number },
): Promise<number> {
  const old = db('events')
    .where({ stream })
    .whereRaw("at < now() - ? * interval '1 day'", [limits.days])
    .orderBy('seq')
    .limit(limits.limit)
    .select('seq')
  return db('events').where({ stream }).whereIn('seq', old).delete()
}
