import type { Knex } from 'knex'

/** Removes rows that no request can match any more. @returns how many. */
export async function deleteExpired(db: Knex, now: Date): Promise<number> {
  let deleted = 0
  for (const table of ['sessions', 'revoked_jwts', 'login_limits', 'sign_in_places']) {
    deleted += await db(table).where('expires_at', '<=', now).del()
  }
  return deleted
}

/** How long after its last use a row may be kept. */
export interface Lifetimes {
  sessions: number
  login_limits: number
  sign_in_places: number
}

/**
 * Corrects times that a clock which was ahead has written, and that would keep a row for longer than any rule allows.
 * Revoked JWTs stay as they are: a revocation that goes early lets its token in again.
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
