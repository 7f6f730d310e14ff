import type { Knex } from 'knex'
import { toUser, type User, userColumns } from './users.ts'

export interface NewSession {
  idHash: Buffer
  /** True if its cookie has the prefix `__Host-`. */
  hostCookie: boolean
  userId: string
  sessionEpoch: number
  at: Date
  expiresAt: Date
}

export async function insertSession(db: Knex, session: NewSession): Promise<void> {
  await db('sessions').insert({
    id_hash: session.idHash,
    host_cookie: session.hostCookie,
    place_recorded: true,
    user_id: session.userId,
    session_epoch: session.sessionEpoch,
    created_at: session.at,
    last_seen_at: session.at,
    expires_at: session.expiresAt,
  })
}

/** A session valid at `now` with this kind of cookie, and its active user; undefined for any other session. */
export async function findSessionWithUser(
  db: Knex,
  { idHash, hostCookie }: { idHash: Buffer; hostCookie: boolean },
  now: Date,
): Promise<{ user: User; lastSeenAt: Date; expiresAt: Date; placeRecorded: boolean } | undefined> {
  const row = await db('sessions as s')
    .join('users as u', 'u.id', 's.user_id')
    .where({ 's.id_hash': idHash, 's.host_cookie': hostCookie, 'u.is_active': true })
    .whereRaw('s.session_epoch = u.session_epoch')
    .where('s.expires_at', '>', now)
    .first([...userColumns, 's.last_seen_at', 's.expires_at', 's.place_recorded'])
  const { last_seen_at: lastSeenAt, expires_at: expiresAt, place_recorded: placeRecorded } = row ?? {}
  return row && { user: toUser(row), lastSeenAt, expiresAt, placeRecorded }
}

export async function slideSession(
  db: Knex,
  idHash: Buffer,
  times: { at: Date; expiresAt: Date },
): Promise<void> {
  await db('sessions')
    .where({ id_hash: idHash })
    // A time in the future was recorded by a clock that was ahead.
    .whereRaw('(last_seen_at < ? or last_seen_at > clock_timestamp())', [times.at])
    .update({ last_seen_at: times.at, expires_at: times.expiresAt })
}

export async function markPlaceRecorded(db: Knex, idHash: Buffer): Promise<void> {
  await db('sessions').where({ id_hash: idHash }).update({ place_recorded: true })
}

/** Moves one session to the new epoch after a password change; all others remain in the old, invalid epoch. */
export async function moveSession(trx: Knex, idHash: Buffer, sessionEpoch: number): Promise<void> {
  await trx('sessions').where({ id_hash: idHash }).update({ session_epoch: sessionEpoch })
}

export async function deleteSession(db: Knex, idHash: Buffer): Promise<void> {
  await db('sessions').where({ id_hash: idHash }).del()
}

export async function deleteOldSessions(trx: Knex, userId: string, sessionEpoch: number): Promise<void> {
  await trx('sessions').where({ user_id: userId }).whereNot({ session_epoch: sessionEpoch }).del()
}

/** The user of a JWT, if the user is active, the epoch is current and the JWT was not revoked. */
export async function findJwtUser(
  db: Knex,
  jwt: { userId: string; sessionEpoch: number; jti: string },
): Promise<User | undefined> {
  const row = await db('users as u')
    .where({ 'u.id': jwt.userId, 'u.is_active': true, 'u.session_epoch': jwt.sessionEpoch })
    .whereNotExists(db('revoked_jwts').where('jti', jwt.jti))
    .first(userColumns)
  return row && toUser(row)
}

export async function revokeJwt(db: Knex, jti: string, expiresAt: Date): Promise<void> {
  await db('revoked_jwts').insert({ jti, expires_at: expiresAt }).onConflict('jti').ignore()
}
