import { createHash } from 'node:crypto'
import type { Knex } from 'knex'
import { CodedError } from '../errors.ts'
import type { JsonReply } from './route.ts'

export interface IdempotencyKey {
  key: string
  /** Keys of different principals never meet. */
  owner: string
  /** Method and path. */
  target: string
  body: unknown
  /** What the caller may do: an answer is not replayed to a weaker credential of the same owner. */
  permissions: readonly string[]
}

/**
 * Runs `work` in one transaction. With a key, its answer is recorded in that same transaction, so there is no
 * moment in which the work is done and the answer unknown. Same key and body: the first answer again; another
 * body: REQ_006; while the first is still running: REQ_007. Only a hash of the body is kept.
 */
export function withIdempotency(
  db: Knex,
  key: IdempotencyKey | undefined,
  work: (trx: Knex.Transaction) => Promise<JsonReply>,
): Promise<JsonReply> {
  if (key === undefined) return db.transaction(work)
  const row = { owner: key.owner, key: key.key }
  const fingerprint = fingerprintOf(key)
  return db.transaction(async (trx) => {
    // The lock, not the row, says "in flight": it goes away with the connection of a process that died.
    const lock = await trx.raw('select pg_try_advisory_xact_lock(hashtextextended(?, 0)) as held', [
      `idempotency:${key.owner}:${key.key}`,
    ])
    if (!lock.rows[0].held) {
      throw new CodedError('REQ_007', 'A request with this Idempotency-Key is in flight', { retryAfter: 1 })
    }
    const kept = await findKept(trx, key)
    if (kept !== undefined) return kept
    const reply = await work(trx)
    const answer = JSON.stringify(reply.body)
    await trx('idempotency_keys').insert({ ...row, fingerprint, status: reply.status ?? 200, answer })
    return reply
  })
}

/** The first answer to this request; undefined when there was none. @throws REQ_006 for another request. */
export async function findKept(db: Knex, key: IdempotencyKey): Promise<JsonReply | undefined> {
  const kept = await db('idempotency_keys').where({ owner: key.owner, key: key.key }).first()
  if (kept === undefined) return undefined
  if (kept.fingerprint === fingerprintOf(key)) return { status: kept.status, body: kept.answer }
  throw new CodedError('REQ_006', 'This Idempotency-Key was used for another request')
}

const fingerprintOf = (key: IdempotencyKey) =>
  sha256(`${key.target}\n${[...key.permissions].sort().join(' ')}\n${canonical(key.body)}`)

/** JSON with sorted keys: two bodies that mean the same have one form. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null'
  const entries = Object.entries(value).filter(([, each]) => each !== undefined)
  entries.sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([key, each]) => `${JSON.stringify(key)}:${canonical(each)}`).join(',')}}`
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
