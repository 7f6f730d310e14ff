import { randomUUID } from 'node:crypto'
import type { Knex } from 'knex'

/** How a slave stands with its master: everything up to `sequence` happened, up to `acknowledged` it has been told. */
export interface Outbox {
  collectorId: string
  runId: string
  sequence: number
  /** Null as long as this master has nothing of this collector. */
  acknowledged: number | null
}

/**
 * Gives a run its number. The row stays locked until the commit: numbers become visible in order, so that a push never
 * passes one by that is still on its way.
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

/** The row, locked until the transaction ends: no run can be numbered meanwhile. */
export async function lockOutbox(trx: Knex.Transaction): Promise<Outbox | undefined> {
  return toOutbox(await trx('tracker_outbox').forUpdate().first())
}

export async function acknowledge(db: Knex, collectorId: string, acknowledged: number | null): Promise<void> {
  await db('tracker_outbox').where({ collector_id: collectorId }).update({ acknowledged })
}

/** The master knows more of us than we do: our database was put back, and our numbers mean something else now. */
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
