import type { Knex } from 'knex'

export interface Hit {
  bucket: string
  /** Of the account that the bucket belongs to, if any; a fingerprint. */
  account: string | null
  at: Date
  limit: number
  windowMs: number
}

/**
 * Counts one attempt if fewer than `limit` lie inside the window that ends now. The row's lock makes parallel
 * attempts queue up, across processes too: of thirty at once exactly `limit` are counted.
 * @returns undefined when counted, else when the oldest attempt leaves the window.
 */
export async function takeHit(db: Knex, hit: Hit): Promise<Date | undefined> {
  const { bucket, account, at, limit } = hit
  const cutoff = new Date(at.getTime() - hit.windowMs)
  const counted = await db.raw(
    `insert into login_limits as l (bucket, account, hits, expires_at)
     values (:bucket, :account, array[cast(:at as timestamptz)], :expiresAt)
     on conflict (bucket) do update set
       hits = array(select h from unnest(l.hits) h where h > :cutoff order by h) || excluded.hits,
       expires_at = excluded.expires_at
     where (select count(*) from unnest(l.hits) h where h > :cutoff) < :limit
     returning 1`,
    { bucket, account, at, cutoff, limit, expiresAt: new Date(at.getTime() + hit.windowMs) },
  )
  if (counted.rows.length > 0) return undefined
  const row = await db('login_limits')
    .where({ bucket })
    .first(db.raw('(select min(h) from unnest(hits) h where h > ?) as oldest', [cutoff]))
  const oldest: Date = row?.oldest ?? at
  return new Date(oldest.getTime() + hit.windowMs)
}

/** Gives one attempt back: it turned out to be no failure. */
export async function returnHit(db: Knex, bucket: string, at: Date): Promise<void> {
  // By position: two attempts of the same millisecond are equal, and only one of them was ours.
  await db.raw(
    `update login_limits set hits =
       hits[:array_position(hits, ?::timestamptz) - 1] || hits[array_position(hits, ?::timestamptz) + 1:]
     where bucket = ? and array_position(hits, ?::timestamptz) is not null`,
    [at, at, bucket, at],
  )
}

/** Forgets the attempts at one account, wherever they came from. */
export async function clearHits(db: Knex, account: string): Promise<void> {
  await db('login_limits').where({ account }).del()
}
