import type { Knex } from 'knex'

/** The number of monthly partitions that are created ahead. */
const monthsAhead = 2
const batch = 5000

/** Creates the missing partitions of this month and the next ones. @returns their number */
export async function makePartitions(db: Knex, now?: Date): Promise<number> {
  const { rows } = await db.raw(
    `select count(*) filter (where orchestrator_samples_partition(month)) as made
     from (select coalesce(?::timestamptz, clock_timestamp()) as now) clock,
       generate_series(date_trunc('month', now, 'UTC') at time zone 'UTC',
       (date_trunc('month', now, 'UTC') at time zone 'UTC') + ? * interval '1 month',
       interval '1 month') m, lateral (select m at time zone 'UTC' as month) utc`,
    [now ?? null, monthsAhead],
  )
  return Number(rows[0].made)
}

/**
 * Removes samples older than the retention in whole days (UTC): whole months as partitions, the rest in batches of rows.
 * The hourly and daily sums stay. @returns the number of removed partitions or rows
 */
export async function removeOldSamples(db: Knex, days: number | undefined, now?: Date): Promise<number> {
  if (days === undefined) return 0
  const { rows } = await db.raw(
    `select to_char(date_trunc('day', coalesce(?::timestamptz, clock_timestamp()), 'UTC') - ? * interval '1 day', 'YYYY-MM-DD"T"HH24:MI:SSOF') as horizon`,
    [now ?? null, days],
  )
  const horizon: string = rows[0].horizon
  const whole = await partitionsBefore(db, horizon)
  for (const name of whole) await db.raw('drop table ??', [name])
  if (whole.length > 0) return whole.length
  const { rowCount } = await db.raw(
    `delete from orchestrator_samples where (node_id, at) in (
       select node_id, at from orchestrator_samples where at < ?::timestamptz limit ?)`,
    [horizon, batch],
  )
  await db('orchestrator_raw_answers').where('at', '<', horizon).delete()
  return rowCount
}

/** The partitions of months that end before the horizon. */
async function partitionsBefore(db: Knex, horizon: string): Promise<string[]> {
  const { rows } = await db.raw(
    `select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
     where i.inhparent = 'orchestrator_samples'::regclass
       and (to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month') at time zone 'UTC' <= ?::timestamptz`,
    [horizon],
  )
  return rows.map((row: { name: string }) => row.name)
}
