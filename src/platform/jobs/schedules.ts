import { randomUUID } from 'node:crypto'
import type { Knex } from 'knex'
import { within } from '../deadline.ts'
import type { Queues } from '../queues/index.ts'
import type { BoundJob } from './definition.ts'
import { insertDueJob } from './store.ts'

interface DueSchedule {
  key: string
  due_at: Date
  late_ms: number
  was_ahead: boolean
  /** True while the job of an earlier due time has not started. */
  pending: boolean
}

export interface DueJobs {
  /** The number of jobs created. */
  made: number
  /** The keys of schedules whose next due time was more than one interval away. */
  corrected: string[]
  /**
   * Milliseconds until the next schedule is due; undefined without schedules, or while another process holds the lock.
   */
  nextInMs: number | undefined
}

/**
 * Creates the jobs of all due schedules by the database's clock, one for each due time. A schedule whose last job has
 * not started creates no other. Several missed due times create one job; a new schedule is due at once.
 */
export async function makeDueJobs(db: Knex, jobs: readonly BoundJob[]): Promise<DueJobs> {
  const scheduled = new Map(
    jobs.flatMap((job) =>
      job.schedule === undefined ? [] : [[keyOf(job), { job, ...job.schedule }] as const],
    ),
  )
  if (scheduled.size === 0) return { made: 0, corrected: [], nextInMs: undefined }
  const intervals = [...scheduled].map(([key, { job, everyMs }]) => ({
    key,
    every_ms: everyMs,
    queue: job.queue,
    name: job.name,
  }))
  return db.transaction(async (trx) => {
    const { rows } = await trx.raw('select pg_try_advisory_xact_lock(7041003) as mine')
    if (!rows[0].mine) return { made: 0, corrected: [], nextInMs: undefined }
    const due = await takeDue(trx, JSON.stringify(intervals))
    const toMake = due.filter(({ pending }) => !pending)
    for (const { key, due_at, late_ms } of toMake) {
      const found = scheduled.get(key)
      if (found === undefined) continue
      const { queue, name, maxAttempts } = found.job
      const row = { id: randomUUID(), queue, name, maxAttempts, payload: {} }
      await insertDueJob(trx, found.subject === undefined ? row : { ...row, subject: found.subject }, {
        key: `${key}@${due_at.getTime()}`,
        lateMs: Math.round(late_ms),
      })
    }
    const corrected = due.filter((each) => each.was_ahead).map(({ key }) => key)
    return { made: toMake.length, corrected, nextInMs: await nextDue(trx, [...scheduled.keys()]) }
  })
}

const keyOf = ({ queue, name }: BoundJob) => `${queue}/${name}`

/** Returns the due schedules and advances each to its next due time, which is at most one interval away. */
async function takeDue(trx: Knex.Transaction, intervals: string): Promise<DueSchedule[]> {
  await trx.raw(
    `insert into job_schedules as s (key, every_ms, next_at)
     select key, every_ms, clock_timestamp() from json_to_recordset(?) as t (key text, every_ms bigint)
     on conflict (key) do update set every_ms = excluded.every_ms,
       next_at = least(s.next_at, clock_timestamp() + excluded.every_ms * interval '1 millisecond')
     where s.every_ms <> excluded.every_ms`,
    [intervals],
  )
  const { rows } = await trx.raw(
    `with clock as materialized (select date_trunc('milliseconds', clock_timestamp()) as now),
     due as materialized (
       select key, queue, name, s.every_ms, least(next_at, now) as due_at,
         next_at > now + s.every_ms * interval '1 millisecond' as was_ahead
       from clock, job_schedules s join json_to_recordset(?) as t (key text, queue text, name text) using (key)
       where next_at <= now or next_at > now + s.every_ms * interval '1 millisecond'
     ), moved as (
       update job_schedules s set next_at = due_at + (floor(extract(epoch from now - due_at) * 1000 / due.every_ms) + 1)
         * due.every_ms * interval '1 millisecond'
       from clock, due where s.key = due.key
     )
     select key, due_at, was_ahead, (extract(epoch from now - due_at) * 1000)::float8 as late_ms,
       exists (select from jobs j where j.state = 'queued' and j.started_at is null and j.due_key is not null
         and j.queue = due.queue and j.name = due.name) as pending
     from clock, due`,
    [intervals],
  )
  return rows
}

async function nextDue(trx: Knex.Transaction, keys: string[]): Promise<number | undefined> {
  const { rows } = await trx.raw(
    `select (extract(epoch from min(next_at) - clock_timestamp()) * 1000)::float8 as next_in_ms
     from job_schedules where key = any(?)`,
    [keys],
  )
  return rows[0].next_in_ms ?? undefined
}

/**
 * Removes the queue library's own schedules, which earlier versions created: the library computes their times with the
 * clock of the worker that ran the last job.
 */
export async function dropStoredSchedules(queues: Queues, jobs: readonly BoundJob[]): Promise<void> {
  for (const name of new Set(jobs.map((job) => job.queue))) {
    const queue = queues.get(name)
    const found = await within(5000, queue.getJobSchedulers(0, -1), 'the queue store')
    for (const { key } of found) await within(5000, queue.removeJobScheduler(key), 'the queue store')
  }
}
