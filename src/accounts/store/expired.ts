import type { Knex } from 'knex'

/** Removes expired rows. @returns the number of deleted rows */
export async function deleteExpired(db: Knex, now: Date): Promise<number> {
  let deleted = 0
  for (const table of ['sessions', 'revoked_jwts', 'login_limits', 'sign_in_places']) {
    deleted += await db(table).where('expires_at', '<=', now).del()
  }
  return deleted
}

/** Maximum time that a row is kept after its last use. */
export interface Lifetimes {
  sessions: number
  login_limits: number
  sign_in_places: number
}

/**
 * Corrects times written by a clock that was ahead, which would keep rows longer than allowed. Revoked JWTs are not
 * changed: a revocation deleted too early would make its token valid again.
 * @param lifetimes in seconds
 */
export async function correctFutureTimes(db: Knex, lifetimes: Lifetimes): Promise<void> {
  for (const [table, seconds] of Object.entries(lifetimes)) {
    const end = db.raw(`clock_timestamp() + ? * interval '1 second'`, [seconds])
    await db(table).where('expires_at', '>', end).update({ expires_at: end })
  }
  const now = db.raw('clock_timestamp()')
  await db('sessions').where('last_seen_at', '>', now).update({ last_seen_at: now })
  await db('sign_in_places').where('last_used_at', '>', now).update({ last_used_at: now })
  await db('api_tokens').where('last_used_at', '>', now).update({ last_used_at: now })
}
