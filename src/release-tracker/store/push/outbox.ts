import { randomUUID } from 'node:crypto'
import type { Knex } from 'knex'

/** A slave's position: `sequence` is its last run, `acknowledged` the last one that the master has answered. */
export interface Outbox {
  collectorId: string
  runId: string
  sequence: number
  /** Null until the master has acknowledged a run of this collector. */
  acknowledged: number | null
}

/**
 * Numbers a run. The row stays locked until the commit, so numbers become visible in order and a push never skips a run
 * that is not committed yet.
 */
export async function nextRun(trx: Knex.Transaction): Promise<number> {
  const { rows } = await trx.raw(
    `insert into tracker_outbox as o (collector_id, run_id, sequence) values (?, ?, 1)
     on conflict (single) do update set sequence = o.sequence + 1, run_id = excluded.run_id
     returning sequence`,
    [randomUUID(), randomUUID()],
  )
  return Number(rows[0].sequence)
}

export async function findOutbox(db: Knex): Promise<Outbox | undefined> {
  return toOutbox(await db('tracker_outbox').first())
}

/** Locks the row until the transaction ends, so that no run is numbered meanwhile. */
export async function lockOutbox(trx: Knex.Transaction): Promise<Outbox | undefined> {
  return toOutbox(await trx('tracker_outbox').forUpdate().first())
}

export async function acknowledge(db: Knex, collectorId: string, acknowledged: number | null): Promise<void> {
  await db('tracker_outbox').where({ collector_id: collectorId }).update({ acknowledged })
}

/** Starts again under a new collector id: the master knows later runs than we do, so our database was restored. */
export async function startOver(db: Knex, collectorId: string): Promise<void> {
  await db('tracker_outbox')
    .where({ collector_id: collectorId })
    .update({ collector_id: randomUUID(), acknowledged: null })
}

function toOutbox(
  row: { collector_id: string; run_id: string; sequence: string; acknowledged: string | null } | undefined,
): Outbox | undefined {
  return (
    row && {
      collectorId: row.collector_id,
      runId: row.run_id,
      sequence: Number(row.sequence),
      acknowledged: row.acknowledged === null ? null : Number(row.acknowledged),
    }
  )
}
