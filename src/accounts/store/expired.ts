import type { Knex } from 'knex'

/** Removes rows that no request can match any more. @returns how many. */
export async function deleteExpired(db: Knex, now: Date): Promise<number> {
  let deleted = 0
  for (const table of ['sessions', 'revoked_jwts', 'login_limits', 'sign_in_places']) {
    deleted += await db(table).where('expires_at', '<=', now).del()
  }
  return deleted
}
