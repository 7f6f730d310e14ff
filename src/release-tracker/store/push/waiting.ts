import type { Knex } from 'knex'
import { storableText, truncate } from '../../../platform/postgres/storable-text.ts'

/** An interval that the master has not stored. */
export interface FailedDelivery {
  intervalId: string
  reason: string
  /** The master refused a call with this interval only. */
  alone: boolean
  /** The answer was lost, so the interval may be stored. It is sent again at once. */
  unconfirmed: boolean
}

/** The pause before an interval is sent again. Short at first, since most reasons are a clock; then twice as long each time. */
const pause = { firstMs: 5000, maxMs: 5 * 60_000 }

/**
 * Records the fate of intervals that were sent: deletes those that the master has stored, and keeps the others with their
 * reason and the time of the next try.
 * @returns `late`: how many were stored that had been rejected before
 */
export async function recordDelivery(
  db: Knex,
  { delivered, undelivered }: { delivered: string[]; undelivered: FailedDelivery[] },
): Promise<{ late: number }> {
  if (undelivered.length > 0) {
    const input = undelivered.map(({ intervalId, reason, alone, unconfirmed }) => ({
      id: intervalId,
      reason: truncate(storableText(reason), 500),
      alone,
      unconfirmed,
    }))
    await db.raw(
      `insert into tracker_waiting as w (interval_id, reason, alone, next_try_at)
       select i.id, t.reason, t.alone,
         clock_timestamp() + (not t.unconfirmed)::int * :firstMs * interval '1 millisecond'
       from json_to_recordset(:input) as t (id bigint, reason text, alone boolean, unconfirmed boolean)
       join tracker_intervals i on i.id = t.id
       on conflict (interval_id) do update set reason = excluded.reason, alone = excluded.alone, tries = w.tries + 1,
         next_try_at = clock_timestamp()
           + least(:maxMs, :firstMs * 2 ^ least(w.tries, 20)) * interval '1 millisecond'`,
      { ...pause, input: JSON.stringify(input) },
    )
  }
  if (delivered.length === 0) return { late: 0 }
  const rows = await db('tracker_waiting')
    .whereRaw('interval_id = any(?)', [delivered])
    .delete()
    .returning('reason')
  return { late: rows.filter(({ reason }) => reason !== null).length }
}

/**
 * Makes a waiting item of every interval that a master without batches needs: each one that began after the run `since`,
 * also if it has ended meanwhile, and each open one that has changed since. A PUT can't express that an interval ended.
 */
export async function queueUndelivered(
  trx: Knex.Transaction,
  place: { clientName: string; envName: string },
  since: number | null,
): Promise<void> {
  await trx.raw(
    `insert into tracker_waiting (interval_id, reason, tries, next_try_at)
     select i.id, null, 0, clock_timestamp() from tracker_intervals i
     join tracker_components c on c.id = i.component_id join tracker_scopes s on s.id = c.scope_id
     where s.client_name = :clientName and s.env_name = :envName
       and i.run > :since and (i.ended is null or i.first_run > :since)
     on conflict (interval_id) do nothing`,
    { clientName: place.clientName, envName: place.envName, since: since ?? -1 },
  )
}

/** Milliseconds until the next waiting item is due, 0 if one is due; undefined if nothing waits. */
export async function nextTryInMs(db: Knex): Promise<number | undefined> {
  await db.raw(
    'delete from tracker_waiting w where not exists (select from tracker_intervals i where i.id = w.interval_id)',
  )
  const { rows } = await db
    .raw(
      // A next try later than the longest pause was computed by a clock that was ahead.
      `update tracker_waiting set next_try_at = clock_timestamp()
     where next_try_at > clock_timestamp() + ? * interval '1 millisecond'`,
      [pause.maxMs + 1000],
    )
    .then(() =>
      db.raw(
        `select (extract(epoch from min(next_try_at) - clock_timestamp()) * 1000)::float8 as ms from tracker_waiting`,
      ),
    )
  const { ms } = rows[0]
  return ms === null ? undefined : Math.max(0, Math.ceil(ms))
}

/** The waiting items, by reason. */
export interface WaitingItems {
  items: number
  /** When the oldest of them began to wait. */
  since: Date
  reasons: { reason: string; items: number }[]
}

/** A row of a query that selects `reasonColumns` and groups by reason. */
export interface ReasonRow {
  reason: string
  items: number
  since: Date
}

export const reasonColumns = 'reason, count(*)::int as items, min(since) as since'

export async function waitingOfSlave(db: Knex): Promise<WaitingItems | undefined> {
  const { rows } = await db.raw(
    `select ${reasonColumns} from tracker_waiting where reason is not null group by reason order by 2 desc, 1`,
  )
  return summary(rows)
}

/** Counts the intervals that were not sent yet. If the push fails, its error is the reason of all of them. */
export async function countUnsent(
  db: Knex,
  place: { clientName: string; envName: string },
): Promise<{ items: number; since: Date } | undefined> {
  const { rows } = await db.raw(
    `select count(*)::int as items, min(i.first_seen) as since from tracker_intervals i
     join tracker_components c on c.id = i.component_id join tracker_scopes s on s.id = c.scope_id
     where s.client_name = ? and s.env_name = ?
       and case when exists (select from tracker_waiting w where w.interval_id = i.id)
         then exists (select from tracker_waiting w where w.interval_id = i.id and w.reason is null)
         else i.run > coalesce((select acknowledged from tracker_outbox), -1) end`,
    [place.clientName, place.envName],
  )
  return rows[0].items === 0 ? undefined : rows[0]
}

/** The waiting items of rows that are grouped by reason; undefined if there are none. */
export function summary(rows: ReasonRow[]): WaitingItems | undefined {
  const [first] = rows
  if (first === undefined) return undefined
  return {
    items: rows.reduce((sum, { items }) => sum + items, 0),
    since: oldestOf(rows, first.since),
    reasons: rows.map(({ reason, items }) => ({ reason, items })),
  }
}

/** The earliest of some times. */
export const oldestOf = (all: { since: Date }[], first: Date): Date =>
  new Date(Math.min(first.getTime(), ...all.map(({ since }) => since.getTime())))
