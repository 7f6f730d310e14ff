import type { Knex } from 'knex'
import { leaseMs } from '../execution/leases.ts'

/** The tolerance between the times of two statements of one moment. */
const slackMs = 1000

export interface Delivery {
  id: string
  queue: string
  name: string
  delivery: number
}

/** Due rows taken from the outbox, and the time until the next row is due. */
export interface Taken {
  deliveries: Delivery[]
  /** Milliseconds; undefined if no other row waits. */
  nextInMs: number | undefined
}

/**
 * Takes due rows from the outbox; each row goes to one process only. Rows wait in the outbox and not in the queue
 * store, which would measure delays with the clock of the calling process.
 */
export async function takeUndelivered(db: Knex, limit: number): Promise<Taken> {
  const { rows }: { rows: (Partial<Delivery> & { next_in_ms: number | null })[] } = await db.raw(
    `with clock as materialized (select clock_timestamp() as now),
     due as materialized (select id from jobs where undelivered and run_at <= (select now from clock)
       order by run_at limit ? for update skip locked),
     taken as (update jobs j set undelivered = false, delivery = delivery + 1, delivered_at = clock.now, checked_at = null
       from clock, due where j.id = due.id returning j.id, j.queue, j.name, j.delivery)
     select taken.*, next.next_in_ms from taken right join (
       select (extract(epoch from min(run_at) - min(clock.now)) * 1000)::float8 as next_in_ms
       from clock left join jobs on undelivered and run_at > clock.now) next on true`,
    [limit],
  )
  const deliveries = rows.flatMap(({ id, queue, name, delivery }) =>
    id && queue && name && delivery ? [{ id, queue, name, delivery }] : [],
  )
  return { deliveries, nextInMs: rows[0]?.next_in_ms ?? undefined }
}

/**
 * Corrects times that only a clock running ahead can have written: a delay longer than the job's own, a lease longer
 * than any lease, a check in the future. The holder of such a lease renews it, or has died.
 * @returns the number of jobs whose delay was corrected
 */
export async function correctFutureTimes(db: Knex): Promise<number> {
  const { rowCount } = await db.raw(
    `update jobs set run_at = clock_timestamp() + delay_ms * interval '1 millisecond'
     where id in (select id from jobs
       where undelivered and run_at > clock_timestamp() + (delay_ms + :slackMs::int) * interval '1 millisecond'
       order by id limit 500 for update skip locked)`,
    { slackMs },
  )
  await db.raw(
    `update jobs set lease_until = clock_timestamp() + :leaseMs * interval '1 millisecond'
     where id in (select id from jobs
       where state = 'running' and lease_until > clock_timestamp() + :maxMs * interval '1 millisecond'
       order by id limit 500 for update skip locked)`,
    { leaseMs, maxMs: leaseMs + slackMs },
  )
  await db.raw(
    `update jobs set checked_at = null
     where id in (select id from jobs
       where state in ('queued', 'retrying') and checked_at > clock_timestamp() + :slackMs * interval '1 millisecond'
       order by id limit 500 for update skip locked)`,
    { slackMs },
  )
  return rowCount
}

/**
 * Returns rows whose delivery failed to the outbox, unless they have been delivered again meanwhile. Like all
 * statements that lock several jobs and wait, it locks them in the order of their ids.
 */
export async function returnUndelivered(db: Knex, deliveries: Delivery[]): Promise<void> {
  await db.raw(
    `with back as materialized (
       select j.id from jobs j join unnest(?::uuid[], ?::int[]) as t (id, delivery) on j.id = t.id
       where j.delivery = t.delivery and j.finished_at is null order by j.id for update of j
     )
     update jobs j set undelivered = true from back where j.id = back.id`,
    [deliveries.map((each) => each.id), deliveries.map((each) => each.delivery)],
  )
}

/** The age from which a delivery is checked. */
const minCheckedAgeMs = 5000

/** Returns jobs with expired leases to the outbox, unless they were delivered again after the expiry. */
export async function returnExpiredLeases(db: Knex): Promise<number> {
  const { rowCount } = await db.raw(
    `update jobs set undelivered = true
     where id in (select id from jobs
       where state = 'running' and lease_until < now() and not undelivered
         and (delivered_at is null or delivered_at < lease_until or delivered_at > clock_timestamp())
       order by lease_until limit 500 for update skip locked)`,
  )
  return rowCount
}

export interface Checkable {
  id: string
  queue: string
  delivery: number
  /** True if the delivery is so old that a worker which fetched it has claimed the job or died. */
  aged: boolean
}

/** Longer than the queue library takes to notice that a worker has died. */
const agedMs = 30_000

/** Returns rows that should have a live delivery and records the check; rows with the oldest check come first. */
export async function takeForCheck(db: Knex, limit: number): Promise<Checkable[]> {
  const { rows } = await db.raw(
    `update jobs set checked_at = now() where id in (
       select id from jobs
       where (state in ('queued', 'retrying') or (state = 'running' and lease_until < now()))
         and not undelivered
         and (delivered_at < now() - ? * interval '1 millisecond' or delivered_at > clock_timestamp())
       order by checked_at nulls first limit ? for update skip locked)
     returning id, queue, delivery, delivered_at < now() - ? * interval '1 millisecond' as aged`,
    [minCheckedAgeMs, limit, agedMs],
  )
  return rows
}

/** Returns rows without a live delivery to the outbox, unless they have changed since they were read. */
export async function returnLost(db: Knex, lost: Checkable[]): Promise<void> {
  await db.raw(
    `with lost as materialized (
       select j.id from jobs j join unnest(?::uuid[], ?::int[]) as t (id, delivery) on j.id = t.id
       where j.delivery = t.delivery
         and (j.state in ('queued', 'retrying') or (j.state = 'running' and j.lease_until < now()))
       order by j.id for update of j
     )
     update jobs j set undelivered = true from lost where j.id = lost.id`,
    [lost.map((each) => each.id), lost.map((each) => each.delivery)],
  )
}
