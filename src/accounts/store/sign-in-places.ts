import type { Knex } from 'knex'

export interface Place {
  kind: 'address' | 'browser'
  /** A keyed fingerprint. */
  place: string
}

/** @returns those of the places where the user has signed in, including before the last password change */
export async function findPlaces(db: Knex, userId: string, places: string[]): Promise<string[]> {
  return db('sign_in_places')
    .where({ user_id: userId })
    .where('expires_at', '>', db.raw('clock_timestamp()'))
    .whereIn('place', places)
    .pluck('place')
}

/** Adds or renews places and keeps only the `keep` most recently used ones of each kind. */
export async function recordPlaces(
  db: Knex,
  user: { id: string; sessionEpoch: number },
  used: { places: Place[]; lifetimeSeconds: number; keep: number },
): Promise<void> {
  const { places, lifetimeSeconds, keep } = used
  const common = {
    session_epoch: user.sessionEpoch,
    last_used_at: db.raw('clock_timestamp()'),
    expires_at: db.raw(`clock_timestamp() + ? * interval '1 second'`, [lifetimeSeconds]),
  }
  await db('sign_in_places')
    .insert(places.map((each) => ({ user_id: user.id, ...each, ...common })))
    .onConflict(['user_id', 'place'])
    .merge()
  // A time in the future was written by a clock that was ahead: such a place is deleted first.
  await db.raw(
    `delete from sign_in_places where (user_id, place) in (
       select user_id, place from (
         select user_id, place, row_number() over (
           partition by kind order by last_used_at > clock_timestamp(), last_used_at desc) as rank
         from sign_in_places where user_id = ?
       ) as ranked where rank > ?)`,
    [user.id, keep],
  )
}
