import type { Knex } from 'knex'
import type { Environment } from '../config.ts'

interface WriteRecord {
  app: string
  environment: Environment
  /** The deployment or the deletion that sends it. */
  owner: string
  /** What it removes can't be put right afterwards. */
  destroys: boolean
  /** How long after it was given up it may arrive, in milliseconds. */
  settleMs: number
}

/** `CLOUDFLARE_SETTLE_SECONDS` is at most this. */
const longestSettleMs = 540_000

const after = (db: Knex, ms: number) => db.raw("clock_timestamp() + ? * interval '1 ms'", [ms])

/** @returns the id of a record that stays until the write is answered. */
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

/** Nobody waits for its answer any more; from now on it may arrive for so long. */
export async function giveUpWrite(db: Knex, id: string, settleMs: number): Promise<void> {
  await db('unanswered_writes')
    .where({ id })
    .update({ given_up: true, settles_at: after(db, settleMs) })
}

/** The same for all that earlier runs have left behind, who can't say when they ended. */
export async function giveUpWrites(trx: Knex, owner: string, settleMs: number): Promise<void> {
  await trx('unanswered_writes')
    .where({ owner, given_up: false })
    .update({ given_up: true, settles_at: after(trx, settleMs) })
}

/** Whether a write of the deployment or deletion was never answered. */
export async function hasUnanswered(db: Knex, owner: string): Promise<boolean> {
  return (await db('unanswered_writes').where({ owner }).first('id')) !== undefined
}

/**
 * For how many milliseconds something that was given up may still arrive at a target: a removal, whoever sent it, or
 * anything of the owner's.
 */
export async function settlesIn(
  db: Knex,
  about: { app: string; environment: Environment; owner?: string },
): Promise<number> {
  const { app, environment, owner = null } = about
  const row = await db('unanswered_writes')
    .where({ app, environment })
    .andWhereRaw('(destroys or owner = ?)', [owner])
    .first(db.raw('extract(epoch from max(settles_at) - clock_timestamp()) * 1000 as "left"'))
  // Further ahead than any write settles: written by a clock that was ahead.
  return Math.min(longestSettleMs, Math.max(0, Math.ceil(Number(row?.left ?? 0))))
}

/** No call arrives after so long a time. @returns how many were forgotten. */
export async function pruneWrites(db: Knex): Promise<number> {
  return db('unanswered_writes').whereRaw("sent_at < now() - interval '1 hour'").delete()
}
