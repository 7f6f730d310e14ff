import type { Knex } from 'knex'
import { appendEvents, appendedColumns, type NewEvent } from '../../events/index.ts'
import { LostLease } from '../definition.ts'

/** The duration of a lease. A dead worker's job runs again after this and one sweep of the reconciler. */
export const leaseMs = 5000
export const renewEveryMs = 2000

/** A claimed job. Each write must present its fence. */
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
  /** The database has no such row. */
  | { kind: 'unknown' }

export const jobStream = (id: string) => `job:${id}`

/**
 * Claims waiting jobs and jobs with an expired lease for this worker, in one statement. A crash raises the limit of
 * attempts with the count, since it is not the job's fault: a job with one attempt still gets it.
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
    // A batch may contain two deliveries of one job; only the first one gets the lease.
    const first = ids.indexOf(id) === index
    if (row.id !== null && first) return { kind: 'claimed', lease: toLease(row) }
    return { kind: row.id !== null || row.is_held ? 'held' : 'finished' }
  })
}

interface ClaimRow {
  want_id: string
  is_held: boolean
  /** Null if the claim failed; all columns below are then null, too. */
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

/** The result of renewing a lease that this process still holds. */
interface Renewal {
  /** False if a write of the attempt had the row locked; the next renewal tries again. */
  renewed: boolean
  cancelRequested: boolean
}

/**
 * Renews the leases that this process still holds, without waiting for locks: a long write of one attempt must not let
 * all other leases expire. @returns the leases still held, by job id
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
 * Checks the fence before a write and locks the row until the transaction ends, so that no other worker can claim the
 * job meanwhile. @returns whether a cancel was requested. @throws LostLease
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

/** Checks the fence, locks the job's row and appends events in one statement. @throws LostLease */
export async function appendWhileHeld(db: Knex, lease: Lease, events: NewEvent[]): Promise<void> {
  const { rowCount } = await db.raw(
    `with held as materialized (
       select from jobs where id = ? and fence = ? and state = 'running' for update
     )
     select append_events(?::text[], ?::text[], ?::json[]) from held`,
    [lease.id, lease.fence, ...appendedColumns(events)],
  )
  if (rowCount === 0) throw new LostLease()
}

/** The change of a row at the end of an attempt. `queued` gives the attempt back, for a snooze or a hand-over. */
export interface Finish {
  lease: Lease
  state: 'completed' | 'failed' | 'cancelled' | 'retrying' | 'queued'
  error?: { code: string; message: string }
  /** The delay in the outbox before the job runs again. */
  delayMs?: number
}

/** Records the outcomes of attempts that still hold their lease. @returns the ids of their jobs */
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

/** Writes the progress of attempts, fenced like every write. */
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
