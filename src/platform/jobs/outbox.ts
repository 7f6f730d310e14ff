import type { Knex } from 'knex'

export interface Delivery {
  id: string
  queue: string
  name: string
  delivery: number
  attemptsLeft: number
  delayMs: number
}

/** Takes waiting rows out of the outbox, each by one process only. */
export async function takeUndelivered(db: Knex, limit: number): Promise<Delivery[]> {
  const { rows } = await db.raw(
    `update jobs set undelivered = false, delivery = delivery + 1, delivered_at = now(), checked_at = null
     where id in (select id from jobs where undelivered order by run_at limit ? for update skip locked)
     returning id, queue, name, delivery, greatest(1, max_attempts - attempt) as attempts_left,
       greatest(0, extract(epoch from run_at - now()) * 1000)::bigint as delay_ms`,
    [limit],
  )
  return rows.map((row: Record<string, unknown>) => ({
    id: row.id,
    queue: row.queue,
    name: row.name,
    delivery: row.delivery,
    attemptsLeft: row.attempts_left,
    delayMs: Number(row.delay_ms),
  }))
}

/**
 * Puts rows back into the outbox whose handing over failed, unless they were handed over again meanwhile. Like all
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

const settledMs = 5000

/** Puts expired leases into the outbox, unless a delivery made after the expiry is on its way. */
export async function returnExpiredLeases(db: Knex): Promise<number> {
  const { rowCount } = await db.raw(
    `update jobs set undelivered = true
     where id in (select id from jobs
       where state = 'running' and lease_until < now() and not undelivered
         and (delivered_at is null or delivered_at < lease_until)
       order by lease_until limit 500 for update skip locked)`,
  )
  return rowCount
}

export interface Checkable {
  id: string
  queue: string
  delivery: number
}

/** Rows that should have a live delivery, the longest unchecked first. */
export async function takeForCheck(db: Knex, limit: number): Promise<Checkable[]> {
  const { rows } = await db.raw(
    `update jobs set checked_at = now() where id in (
       select id from jobs
       where (state in ('queued', 'retrying') or (state = 'running' and lease_until < now()))
         and not undelivered and delivered_at < now() - ? * interval '1 millisecond'
         and run_at < now() + interval '1 day'
       order by checked_at nulls first limit ? for update skip locked)
     returning id, queue, delivery`,
    [settledMs, limit],
  )
  return rows
}

/** Puts rows without a live delivery back, unless something happened to them since they were read. */
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
