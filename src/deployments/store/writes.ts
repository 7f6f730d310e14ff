import type { Knex } from 'knex'
import type { Environment } from '../config.ts'

interface WriteRecord {
  app: string
  environment: Environment
  /** The id of the deployment or deletion that sends the write. */
  owner: string
  /** True for a removal, which cannot be repaired afterwards. */
  destroys: boolean
  /** The time in milliseconds in which the write may still arrive after it was given up. */
  settleMs: number
}

/** The maximum of `CLOUDFLARE_SETTLE_SECONDS`. */
const maxSettleMs = 540_000

const after = (db: Knex, ms: number) => db.raw("clock_timestamp() + ? * interval '1 ms'", [ms])

/** Records a write that is about to be sent. @returns the id of the record, which stays until the answer */
export async function recordWrite(trx: Knex.Transaction, write: WriteRecord): Promise<string> {
  const { app, environment, owner, destroys, settleMs } = write
  const [row] = await trx('unanswered_writes')
    .insert({ app, environment, owner, destroys, settles_at: after(trx, settleMs) })
    .returning('id')
  return row.id
}

export async function dropWrite(db: Knex, id: string): Promise<void> {
  await db('unanswered_writes').where({ id }).delete()
}

/** Marks a write as given up: nothing waits for its answer, but it may still arrive for `settleMs`. */
export async function giveUpWrite(db: Knex, id: string, settleMs: number): Promise<void> {
  await db('unanswered_writes')
    .where({ id })
    .update({ given_up: true, settles_at: after(db, settleMs) })
}

/** Marks all writes of an owner's earlier runs as given up now, because the end of those runs is unknown. */
export async function giveUpWrites(trx: Knex, owner: string, settleMs: number): Promise<void> {
  await trx('unanswered_writes')
    .where({ owner, given_up: false })
    .update({ given_up: true, settles_at: after(trx, settleMs) })
}

/** True if a write of the deployment or deletion has no answer. */
export async function hasUnanswered(db: Knex, owner: string): Promise<boolean> {
  return (await db('unanswered_writes').where({ owner }).first('id')) !== undefined
}

/**
 * The milliseconds in which a write may still arrive at a target: removals of any owner, and all writes of the given
 * owner.
 */
export async function settlesIn(
  db: Knex,
  target: { app: string; environment: Environment; owner?: string },
): Promise<number> {
  const { app, environment, owner = null } = target
  const row = await db('unanswered_writes')
    .where({ app, environment })
    .andWhereRaw('(destroys or owner = ?)', [owner])
    .first(db.raw('extract(epoch from max(settles_at) - clock_timestamp()) * 1000 as "left"'))
  // A time further ahead than the maximum was written with a wrong clock.
  return Math.min(maxSettleMs, Math.max(0, Math.ceil(Number(row?.left ?? 0))))
}

/** Deletes records older than an hour, after which no call arrives. @returns the number of records */
export async function pruneWrites(db: Knex): Promise<number> {
  return db('unanswered_writes').whereRaw("sent_at < now() - interval '1 hour'").delete()
}
