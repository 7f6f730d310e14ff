import type { Knex } from 'knex'

/** Removes events of releases' streams that are older than so many days. @returns how many, at most `limit`. */
export async function pruneChanges(db: Knex, limits: { days: number; limit: number }): Promise<number> {
  const { rows } = await db.raw(
    `with old as (
       select e.stream, e.seq from streams s
       join lateral (select stream, seq from events where stream = s.stream and at < now() - ? * interval '1 day'
         order by seq limit ?) e on true
       where starts_with(s.stream, 'releases:') limit ?
     ), gone as (delete from events e using old where e.stream = old.stream and e.seq = old.seq returning 1)
     select count(*) as count from gone`,
    [limits.days, limits.limit, limits.limit],
  )
  return Number(rows[0].count)
}
