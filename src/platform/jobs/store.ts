import type { Knex } from 'knex'
import type { Job, JobState } from './definition.ts'

export const jobsChannel = 'capstan_jobs'

export interface NewJob {
  id: string
  queue: string
  name: string
  payload: unknown
  maxAttempts: number
  delayMs?: number
  subject?: string
  owner?: string
  correlationId?: string
}

export async function insertJobs(trx: Knex, jobs: NewJob[]): Promise<void> {
  const rows = jobs.map((job) => ({
    id: job.id,
    queue: job.queue,
    name: job.name,
    payload: JSON.stringify(job.payload),
    max_attempts: job.maxAttempts,
    subject: job.subject ?? null,
    owner: job.owner ?? null,
    correlation_id: job.correlationId ?? null,
    ...(job.delayMs === undefined ? {} : { delay_ms: job.delayMs, run_at: after(trx, job.delayMs) }),
  }))
  await trx('jobs').insert(rows)
}

const after = (db: Knex, ms: number) => db.raw("clock_timestamp() + ? * interval '1 millisecond'", [ms])

/** What the column holds, 24 days: an installation may have been off for longer. */
const mostLateMs = 2 ** 31 - 1

/** The row of one due time of a schedule; the same due time never makes a second row. */
export async function insertDueJob(
  db: Knex,
  job: NewJob,
  due: { key: string; lateMs: number },
): Promise<void> {
  const values = [
    job.id,
    job.queue,
    job.name,
    JSON.stringify(job.payload),
    job.maxAttempts,
    job.subject ?? null,
    due.key,
    Math.min(due.lateMs, mostLateMs),
  ]
  await db.raw(
    `insert into jobs (id, queue, name, payload, max_attempts, subject, due_key, late_ms)
     values (?, ?, ?, ?, ?, ?, ?, ?) on conflict (due_key) do nothing`,
    values,
  )
}

export async function findJob(db: Knex, id: string): Promise<Job | undefined> {
  const row = await db('jobs').where({ id }).first()
  return row === undefined ? undefined : toJob(row)
}

/** The newest job about a subject that has not ended and was not told to, for what is to be done by one job at a time. */
export async function findOpenJob(db: Knex, subject: string): Promise<Job | undefined> {
  const row = await db('jobs')
    .where({ subject })
    .whereNull('finished_at')
    .whereNull('cancel_requested_at')
    .orderBy('created_at', 'desc')
    .first()
  return row === undefined ? undefined : toJob(row)
}

/** A job that was told to wait, and has not begun again, is due at once. */
export async function hurryJob(trx: Knex.Transaction, id: string): Promise<void> {
  await trx('jobs')
    .where({ id, state: 'queued', undelivered: true })
    .whereRaw('run_at > clock_timestamp()')
    .update({ run_at: trx.raw('clock_timestamp()'), delay_ms: 0 })
}

/** The row, locked until the transaction ends. */
export async function lockJob(trx: Knex.Transaction, id: string): Promise<Job | undefined> {
  const row = await trx('jobs').where({ id }).forUpdate().first()
  return row === undefined ? undefined : toJob(row)
}

/** The oldest row that has not ended, locked; undefined also when it ended while its lock was waited for. */
export async function lockOpenJob(
  trx: Knex.Transaction,
  about: { subject: string; queue: string },
): Promise<Job | undefined> {
  const open = trx('jobs').where(about).whereNull('finished_at').orderBy('created_at')
  const row = await open.forUpdate().first()
  return row === undefined ? undefined : toJob(row)
}

export interface JobFilter {
  queue?: string | undefined
  name?: string | undefined
  state?: JobState | undefined
  subject?: string | undefined
  /** Rows strictly older than this position. */
  before?: { createdAt: string; id: string } | undefined
  limit: number
}

/** Newest first. `position` is exact (microseconds), for the cursor. */
export async function listJobs(db: Knex, filter: JobFilter): Promise<(Job & { position: string })[]> {
  const query = db('jobs').orderBy([
    { column: 'created_at', order: 'desc' },
    { column: 'id', order: 'desc' },
  ])
  query.select(
    '*',
    db.raw(`to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as position`),
  )
  for (const key of ['queue', 'name', 'state', 'subject'] as const) {
    if (filter[key] !== undefined) query.where(key, filter[key])
  }
  if (filter.before !== undefined) {
    query.whereRaw('(created_at, id) < (?::timestamptz, ?::uuid)', [
      filter.before.createdAt,
      filter.before.id,
    ])
  }
  const rows = await query.limit(filter.limit)
  return rows.map((row) => ({ ...toJob(row), position: row.position }))
}

/** Ends a job that nobody runs. */
export async function endJob(
  trx: Knex.Transaction,
  id: string,
  ending: { state: JobState; error?: unknown },
) {
  await trx('jobs')
    .where({ id })
    .update({
      state: ending.state,
      error: ending.error === undefined ? null : JSON.stringify(ending.error),
      lease_until: null,
      undelivered: false,
      finished_at: trx.fn.now(),
    })
}

/** Asks the holder to stop; the row's flag is the truth, the notification only makes it quick. */
export async function requestCancel(trx: Knex.Transaction, id: string): Promise<void> {
  await trx('jobs')
    .where({ id })
    .whereNull('cancel_requested_at')
    .update({ cancel_requested_at: trx.fn.now() })
  await trx.raw('select pg_notify(?, ?)', [jobsChannel, id])
}

/** A finished job runs again with `attempts` more; crashes of its former life are not held against it. */
export async function reopenJob(trx: Knex.Transaction, id: string, attempts: number): Promise<void> {
  await trx('jobs')
    .where({ id })
    .update({
      state: 'queued',
      max_attempts: trx.raw('attempt + ?', [attempts]),
      crashes: 0,
      error: null,
      finished_at: null,
      cancel_requested_at: null,
      run_at: trx.fn.now(),
      delay_ms: 0,
      undelivered: true,
    })
}

/** Removes finished rows and their events. @returns how many, at most `limit`. */
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

interface JobRow {
  id: string
  queue: string
  name: string
  payload: unknown
  state: JobState
  attempt: number
  max_attempts: number
  crashes: number
  progress: unknown
  error: { code: string; message: string } | null
  subject: string | null
  owner: string | null
  correlation_id: string | null
  cancel_requested_at: Date | null
  late_ms: number | null
  created_at: Date
  started_at: Date | null
  finished_at: Date | null
}

function toJob(row: JobRow): Job {
  return {
    id: row.id,
    queue: row.queue,
    name: row.name,
    payload: row.payload,
    state: row.state,
    attempt: row.attempt,
    maxAttempts: row.max_attempts,
    crashes: row.crashes,
    progress: row.progress,
    error: row.error,
    subject: row.subject,
    owner: row.owner,
    correlationId: row.correlation_id,
    cancelRequestedAt: row.cancel_requested_at,
    lateMs: row.late_ms,
    createdAt: row.created_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
  }
}
