import type { Knex } from 'knex'

/** A counter of wrong passwords, with the maximum number within its window. */
export interface Bucket {
  /** A keyed fingerprint. */
  name: string
  /** The fingerprint of the account that the bucket belongs to, if any. */
  account: string | null
  limit: number
  windowMs: number
}

/**
 * SQL for the times within the window by the database's clock, so that web processes with different clocks agree. A
 * time in the future was written by a clock that was ahead: it does not count, and the next wrong password removes it.
 */
const timesInWindow = (windowMs: string) =>
  `from unnest(l.hits) h
   where h > clock_timestamp() - ${windowMs} * interval '1 ms' and h <= clock_timestamp()`

/** @returns milliseconds until none of these buckets is full; undefined if none is full now */
export async function fullForMs(db: Knex, buckets: readonly Bucket[]): Promise<number | undefined> {
  const { rows } = await db.raw(
    `select max(b.window_ms - extract(epoch from clock_timestamp() - t.oldest) * 1000)::float8 as ms
     from unnest(?::text[], ?::int[], ?::float8[]) as b (name, cap, window_ms)
     join login_limits l on l.bucket = b.name
     cross join lateral (select count(*) as count, min(h) as oldest ${timesInWindow('b.window_ms')}) t
     where t.count >= b.cap`,
    [
      buckets.map((each) => each.name),
      buckets.map((each) => each.limit),
      buckets.map((each) => each.windowMs),
    ],
  )
  const ms: number | null = rows[0].ms
  return ms === null ? undefined : Math.max(ms, 0)
}

/**
 * Adds a wrong password to each bucket. The row locks serialize parallel calls, across processes too; callers pass the
 * buckets in the same order of kinds, which prevents deadlocks.
 * @returns false if a bucket is full; the caller must then roll the transaction back
 */
export async function addWrongPassword(trx: Knex.Transaction, buckets: readonly Bucket[]): Promise<boolean> {
  for (const { name, account, limit, windowMs } of buckets) {
    const { rows } = await trx.raw(
      `insert into login_limits as l (bucket, account, hits, expires_at)
       values (:name, :account, array[clock_timestamp()], clock_timestamp() + :windowMs * interval '1 ms')
       on conflict (bucket) do update set
         hits = array(select h ${timesInWindow(':windowMs')} order by h) || clock_timestamp(),
         expires_at = excluded.expires_at
       where (select count(*) ${timesInWindow(':windowMs')}) < :limit
       returning 1`,
      { name, account, limit, windowMs },
    )
    if (rows.length === 0) return false
  }
  return true
}

/** Deletes the counted wrong passwords of an account from all places. */
export async function clearWrongPasswords(db: Knex, account: string): Promise<void> {
  await db('login_limits').where({ account }).del()
}
