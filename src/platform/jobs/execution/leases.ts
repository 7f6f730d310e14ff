import type { Knex } from 'knex'
import { appendEvents } from '../../events/index.ts'
import { LostLease } from '../definition.ts'

/** How long a claim lasts without renewal. A dead worker's job goes on after this and one reconciler sweep. */
export const leaseMs = 5000
export const renewEveryMs = 2000

/** A claimed job: only who shows this fence may write. */
export interface Lease {
  id: string
  fence: string
  queue: string
  name: string
  payload: unknown
  attempt: number
  maxAttempts: number
  crashes: number
  cancelRequested: boolean
  correlationId: string | null
}

export type ClaimResult =
  | { kind: 'claimed'; lease: Lease }
  | { kind: 'held' }
  | { kind: 'finished' }
  /** There is no such row in this database. */
  | { kind: 'unknown' }

export const jobStream = (id: string) => `job:${id}`

/**
 * Claims jobs for this worker in one statement: those that wait, and those whose holder's lease has expired.
 * A crash is not the job's fault: it raises the budget with the count, so a job that was to run once still does.
 */
export async function claimJobs(db: Knex, ids: string[], worker: string): Promise<ClaimResult[]> {
  const { rows }: { rows: ClaimRow[] } = await db.raw('select * from claim_jobs(?, ?, ?)', [
    ids,
    worker,
    leaseMs,
  ])
  const byId = new Map(rows.map((row) => [row.want_id, row]))
  return ids.map((id, index) => {
    const row = byId.get(id)
    if (row === undefined) return { kind: 'unknown' }
    // Two deliveries of one job may meet in one batch: only the first one gets it.
    const first = ids.indexOf(id) === index
    if (row.id !== null && first) return { kind: 'claimed', lease: toLease(row) }
    return { kind: row.id !== null || row.is_held ? 'held' : 'finished' }
  })
}

interface ClaimRow {
  want_id: string
  is_held: boolean
  /** Null when the claim failed; then all columns below are, too. */
  id: string | null
  fence: string
  queue: string
  name: string
  payload: unknown
  attempt: number
  max_attempts: number
  crashes: number
  cancel_requested_at: Date | null
  correlation_id: string | null
}

function toLease(row: ClaimRow): Lease {
  return {
    id: row.want_id,
    fence: row.fence,
    queue: row.queue,
    name: row.name,
    payload: row.payload,
    attempt: row.attempt,
    maxAttempts: row.max_attempts,
    crashes: row.crashes,
    cancelRequested: row.cancel_requested_at !== null,
    correlationId: row.correlation_id,
  }
}

/** What a renewal found out about a lease that is still ours. */
interface Renewal {
  /** False when a write of the run held the row just then: the next renewal will tell. */
  renewed: boolean
  cancelRequested: boolean
}

/**
 * Renews leases that are still ours, without waiting for locks: one run's long write must not let the leases of all
 * others run out. @returns those that are ours, by job.
 */
export async function renewLeases(db: Knex, leases: Lease[]): Promise<Map<string, Renewal>> {
  const { rows } = await db.raw(
    `with ours as materialized (
       select j.id, j.fence, j.cancel_requested_at is not null as cancel_requested
       from jobs j join unnest(?::uuid[], ?::bigint[]) as t (id, fence) on j.id = t.id and j.fence = t.fence
       where j.state = 'running'
     ), free as materialized (
       select j.id from jobs j join ours o on j.id = o.id and j.fence = o.fence
       where j.state = 'running' order by j.id for update of j skip locked
     ), renewed as (
       update jobs j set lease_until = clock_timestamp() + ? * interval '1 millisecond' from free
       where j.id = free.id returning j.id
     )
     select o.id, o.cancel_requested, r.id is not null as renewed from ours o left join renewed r on r.id = o.id`,
    [leases.map((lease) => lease.id), leases.map((lease) => lease.fence), leaseMs],
  )
  return new Map(
    rows.map((row: { id: string; renewed: boolean; cancel_requested: boolean }) => [
      row.id,
      { renewed: row.renewed, cancelRequested: row.cancel_requested },
    ]),
  )
}

/**
 * The gate of every write of a run: locks the row until the transaction ends, so that no other claim can slip in.
 * @returns whether a cancel was asked for. @throws LostLease
 */
export async function assertHolder(
  trx: Knex.Transaction,
  lease: Lease,
): Promise<{ cancelRequested: boolean }> {
  const row = await trx('jobs')
    .where({ id: lease.id, fence: lease.fence, state: 'running' })
    .forUpdate()
    .first('cancel_requested_at')
  if (row === undefined) throw new LostLease()
  return { cancelRequested: row.cancel_requested_at !== null }
}

/** What becomes of a run's row. `queued` gives the attempt back: a snooze or a hand-over does not use one up. */
export interface Finish {
  lease: Lease
  state: 'completed' | 'failed' | 'cancelled' | 'retrying' | 'queued'
  error?: { code: string; message: string }
  /** How long the job waits in the outbox before it runs again. */
  delayMs?: number
}

/** Records outcomes of runs that still hold their jobs. @returns the ids of those. */
export async function finishRuns(db: Knex, finishes: Finish[]): Promise<Set<string>> {
  const column = <T>(pick: (finish: Finish) => T) => finishes.map(pick)
  const { rows } = await db.raw('select id from finish_runs(?, ?, ?, ?, ?, ?)', [
    column((f) => f.lease.id),
    column((f) => f.lease.fence),
    column((f) => f.state),
    column((f) => JSON.stringify(f.error ?? null)),
    column((f) => f.delayMs ?? 0),
    // A job that runs again always goes through the outbox.
    column(() => true),
  ])
  return new Set(rows.map((row: { id: string }) => row.id))
}

/** Progress of runs, fenced like every write; the last value of a batch wins. */
export async function writeProgress(db: Knex, entries: { lease: Lease; value: unknown }[]): Promise<void> {
  await db.transaction(async (trx) => {
    const { rows } = await trx.raw(
      `with input as (
         select * from unnest(?::uuid[], ?::bigint[], ?::jsonb[]) as t (id, fence, progress)
       ), held as materialized (
         select j.id from jobs j join input i on j.id = i.id and j.fence = i.fence
         where j.state = 'running' order by j.id for update of j
       )
       update jobs j set progress = i.progress from input i join held h on h.id = i.id
       where j.id = i.id returning j.id, j.progress`,
      [
        entries.map((entry) => entry.lease.id),
        entries.map((entry) => entry.lease.fence),
        entries.map((entry) => JSON.stringify(entry.value)),
      ],
    )
    await appendEvents(
      trx,
      rows.map((row: { id: string; progress: unknown }) => ({
        stream: jobStream(row.id),
        type: 'progress',
        data: row.progress,
      })),
    )
  })
}
