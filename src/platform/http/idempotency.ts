import { createHash } from 'node:crypto'
import type { Knex } from 'knex'
import { CodedError } from '../errors.ts'
import { canonicalJson } from './canonical-json.ts'
import type { JsonReply } from './route.ts'

export interface IdempotencyKey {
  key: string
  /** Keys of different principals are independent. */
  owner: string
  /** Method and path. */
  target: string
  body: unknown
  /** The caller's permissions: a response is not replayed to a weaker credential of the same owner. */
  permissions: readonly string[]
}

/**
 * Runs `work` in one transaction. With a key, the response is recorded in the same transaction, so that work is never
 * committed without its response. A repeat with the same body gets the first response. Only a hash of the body is
 * stored.
 * @throws REQ_006 for a key that was used with another request, REQ_007 while the first request is in progress
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
    // A lock and not a row marks a request in progress, since the lock ends with the connection of a process that died.
    const lock = await trx.raw('select pg_try_advisory_xact_lock(hashtextextended(?, 0)) as held', [
      `idempotency:${key.owner}:${key.key}`,
    ])
    if (!lock.rows[0].held) {
      throw new CodedError('REQ_007', 'A request with this Idempotency-Key is in progress', { retryAfter: 1 })
    }
    const kept = await findKept(trx, key)
    if (kept !== undefined) return kept
    const reply = await work(trx)
    const answer = JSON.stringify(reply.body)
    await trx('idempotency_keys').insert({ ...row, fingerprint, status: reply.status ?? 200, answer })
    return reply
  })
}

/** The recorded response to this request, or undefined. @throws REQ_006 for a key that was used with another request */
export async function findKept(db: Knex, key: IdempotencyKey): Promise<JsonReply | undefined> {
  const kept = await db('idempotency_keys').where({ owner: key.owner, key: key.key }).first()
  if (kept === undefined) return undefined
  if (kept.fingerprint === fingerprintOf(key)) return { status: kept.status, body: kept.answer }
  throw new CodedError('REQ_006', 'This Idempotency-Key was used for another request')
}

const fingerprintOf = (key: IdempotencyKey) =>
  sha256(`${key.target}\n${[...key.permissions].sort().join(' ')}\n${canonicalJson(key.body)}`)

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
