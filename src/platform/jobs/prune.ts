import type { Knex } from 'knex'

/** Deletes old finished jobs and their events. @returns the number of deleted jobs, at most `limit` */
export async function pruneJobs(db: Knex, limits: { days: number; limit: number }): Promise<number> {
  const { rows } = await db.raw(
    `with gone as (
       delete from jobs where id in (select id from jobs
         where finished_at < now() - ? * interval '1 day' order by finished_at limit ?)
       returning 'job:' || id as stream
     ), streams_gone as (delete from streams where stream in (select stream from gone)),
     events_gone as (delete from events where stream in (select stream from gone))
     select count(*) as count from gone`,
    [limits.days, limits.limit],
  )
  return Number(rows[0].count)
}

export async function pruneIdempotencyKeys(db: Knex, hours: number): Promise<number> {
  return db('idempotency_keys').whereRaw("created_at < now() - ? * interval '1 hour'", [hours]).delete()
}
