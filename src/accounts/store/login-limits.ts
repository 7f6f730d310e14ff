import type { Knex } from 'knex'

/** Wrong passwords that are counted together, and how many of them may lie inside the window. */
export interface Bucket {
  /** A keyed fingerprint. */
  name: string
  /** Of the account that the bucket belongs to, if any; a fingerprint. */
  account: string | null
  limit: number
  windowMs: number
}

/**
 * The times inside the window, by the database's clock: web processes whose clocks differ count alike. A time in the future
 * was written by a clock that was ahead. It does not count, and the next wrong password removes it.
 */
const timesInside = (windowMs: string) =>
  `from unnest(l.hits) h
   where h > clock_timestamp() - ${windowMs} * interval '1 ms' and h <= clock_timestamp()`

/** @returns milliseconds until none of these buckets is full; undefined when none is. */
export async function fullForMs(db: Knex, buckets: readonly Bucket[]): Promise<number | undefined> {
  const { rows } = await db.raw(
    `select max(b.window_ms - extract(epoch from clock_timestamp() - t.oldest) * 1000)::float8 as ms
     from unnest(?::text[], ?::int[], ?::float8[]) as b (name, cap, window_ms)
     join login_limits l on l.bucket = b.name
     cross join lateral (select count(*) as count, min(h) as oldest ${timesInside('b.window_ms')}) t
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
 * Adds a wrong password to each bucket. The rows' locks make parallel calls wait for each other, across processes too;
 * callers name the buckets in the same order of kinds, so that no two wait for each other.
 * @returns false when a bucket is full: then the caller has to undo the transaction
 */
export async function addWrongPassword(trx: Knex.Transaction, buckets: readonly Bucket[]): Promise<boolean> {
  for (const { name, account, limit, windowMs } of buckets) {
    const { rows } = await trx.raw(
      `insert into login_limits as l (bucket, account, hits, expires_at)
       values (:name, :account, array[clock_timestamp()], clock_timestamp() + :windowMs * interval '1 ms')
       on conflict (bucket) do update set
         hits = array(select h ${timesInside(':windowMs')} order by h) || clock_timestamp(),
         expires_at = excluded.expires_at
       where (select count(*) ${timesInside(':windowMs')}) < :limit
       returning 1`,
      { name, account, limit, windowMs },
    )
    if (rows.length === 0) return false
  }
  return true
}

/** Forgets the wrong passwords at one account, wherever they came from. */
export async function clearWrongPasswords(db: Knex, account: string): Promise<void> {
  await db('login_limits').where({ account }).del()
}
