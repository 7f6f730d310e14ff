import type { Knex } from 'knex'
import type { Job, JobState } from './definition.ts'

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

/** The largest value of the column, 24 days; an installation may have been stopped for longer. */
const maxLateMs = 2 ** 31 - 1

/** Inserts the job for one due time of a schedule. A due time that already has a job is ignored. */
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
    Math.min(due.lateMs, maxLateMs),
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

/**
 * The newest job of a subject that has neither ended nor been cancelled, for work that only one job at a time may do.
 */
export async function findOpenJob(db: Knex, subject: string): Promise<Job | undefined> {
  const row = await db('jobs')
    .where({ subject })
    .whereNull('finished_at')
    .whereNull('cancel_requested_at')
    .orderBy('created_at', 'desc')
    .first()
  return row === undefined ? undefined : toJob(row)
}

/** The job, with its row locked until the transaction ends. */
export async function lockJob(trx: Knex.Transaction, id: string): Promise<Job | undefined> {
  const row = await trx('jobs').where({ id }).forUpdate().first()
  return row === undefined ? undefined : toJob(row)
}

/** The oldest unfinished job, locked; undefined also if the job ended while this call waited for the lock. */
export async function lockOpenJob(
  trx: Knex.Transaction,
  filter: { subject: string; queue: string },
): Promise<Job | undefined> {
  const open = trx('jobs').where(filter).whereNull('finished_at').orderBy('created_at')
  const row = await open.forUpdate().first()
  return row === undefined ? undefined : toJob(row)
}

export interface JobFilter {
  queue?: string | undefined
  name?: string | undefined
  state?: JobState | undefined
  subject?: string | undefined
  /** Returns only rows older than this position. */
  before?: { createdAt: string; id: string } | undefined
  limit: number
}

/** Lists jobs, newest first. `position` is exact to the microsecond, for the cursor. */
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
