import type { Knex } from 'knex'

export interface NewEvent {
  stream: string
  /** `message` is what an SSE reader gets without an `event:` line; `end` closes the stream. */
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

// NOTIFY refuses payloads of 8000 bytes and more.
const payloadLimit = 7900

/**
 * Appends events, gap-free per stream, and wakes the readers at commit. Call it last in a transaction: it locks
 * the streams' rows (in sorted order, against deadlocks) until the commit, which is what keeps a reader from
 * seeing number 8 before number 7 is visible.
 */
export async function appendEvents(db: Knex, events: NewEvent[]): Promise<void> {
  if (events.length === 0) return
  await db.raw(
    `with input as (
       select stream, type, data, row_number() over (partition by stream order by ord) as n
       from unnest(?::text[], ?::text[], ?::jsonb[]) with ordinality as t (stream, type, data, ord)
     ), bumped as (
       insert into streams as s (stream, seq, ended)
       select stream, count(*), bool_or(type = 'end') from input group by stream order by stream
       on conflict (stream) do update set seq = s.seq + excluded.seq, ended = s.ended or excluded.ended
       returning stream, seq
     ), counted as (select stream, count(*) as total from input group by stream)
     insert into events (stream, seq, type, data)
     select i.stream, b.seq - c.total + i.n, i.type, i.data
     from input i join bumped b using (stream) join counted c using (stream)`,
    [events.map((e) => e.stream), events.map((e) => e.type), events.map((e) => JSON.stringify(e.data))],
  )
  const streams = [...new Set(events.map((event) => event.stream))]
  await db.raw('select pg_notify(?, payload) from unnest(?::text[]) as payload', [
    eventsChannel,
    packed(streams),
  ])
}

/** Stream names, joined by spaces into as few payloads as fit. */
function packed(streams: string[]): string[] {
  const payloads: string[] = []
  let current = ''
  for (const stream of streams) {
    if (current !== '' && current.length + stream.length + 1 > payloadLimit) {
      payloads.push(current)
      current = ''
    }
    current = current === '' ? stream : `${current} ${stream}`
  }
  payloads.push(current)
  return payloads
}

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

/** The stream's last number and whether it ended; undefined for a stream that has no event yet. */
export async function streamHead(
  db: Knex,
  stream: string,
): Promise<{ seq: number; ended: boolean } | undefined> {
  const row = await db('streams').where({ stream }).first()
  return row === undefined ? undefined : { seq: Number(row.seq), ended: row.ended }
}
