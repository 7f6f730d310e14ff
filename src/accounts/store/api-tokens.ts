import type { Knex } from 'knex'
import type { Permission } from '../../platform/auth.ts'
import { toUser, type User, userColumns } from './users.ts'

export interface ApiToken {
  id: string
  userId: string
  name: string
  scopes: Permission[] | null
  expiresAt: Date | null
  isRevoked: boolean
  lastUsedAt: Date | null
  createdAt: Date
}

interface TokenRow {
  id: string
  user_id: string
  name: string
  scopes: Permission[] | null
  expires_at: Date | null
  is_revoked: boolean
  last_used_at: Date | null
  created_at: Date
}

const columns = ['id', 'user_id', 'name', 'scopes', 'expires_at', 'is_revoked', 'last_used_at', 'created_at']

function toToken(row: TokenRow): ApiToken {
  return {
    id: row.id,
    userId: row.user_id,
    name: row.name,
    scopes: row.scopes,
    expiresAt: row.expires_at,
    isRevoked: row.is_revoked,
    lastUsedAt: row.last_used_at,
    createdAt: row.created_at,
  }
}

export async function insertToken(
  trx: Knex,
  token: ApiToken,
  secret: { hash: Buffer; parentId: string | null },
): Promise<void> {
  await trx('api_tokens').insert({
    id: token.id,
    user_id: token.userId,
    token_hash: secret.hash,
    parent_id: secret.parentId,
    name: token.name,
    scopes: token.scopes,
    expires_at: token.expiresAt,
    created_at: token.createdAt,
  })
}

/** The number of valid tokens of a user; exact only under the lock of the user's row. */
export async function countActiveTokens(trx: Knex, userId: string, now: Date): Promise<number> {
  const active = trx('api_tokens')
    .where({ user_id: userId, is_revoked: false })
    .where((each) => each.whereNull('expires_at').orWhere('expires_at', '>', now))
  const [row] = await active.count({ count: '*' })
  return Number(row?.count)
}

export async function listTokens(db: Knex, userId: string): Promise<ApiToken[]> {
  const rows = await db('api_tokens')
    .where({ user_id: userId })
    .orderBy([
      { column: 'created_at', order: 'desc' },
      { column: 'id', order: 'desc' },
    ])
    .select(columns)
  return rows.map(toToken)
}

export async function findToken(
  db: Knex,
  key: { id: string; userId: string },
): Promise<ApiToken | undefined> {
  const row = await db('api_tokens').where({ id: key.id, user_id: key.userId }).first(columns)
  return row && toToken(row)
}

/** Revokes a token and all tokens created with it, so that those of a thief end too. */
export async function revokeToken(db: Knex, id: string): Promise<void> {
  await db.raw(
    `with recursive family as (
       select id from api_tokens where id = ?
       union select t.id from api_tokens t join family f on t.parent_id = f.id
     )
     update api_tokens set is_revoked = true where id in (select id from family)`,
    [id],
  )
}

export async function revokeTokensOf(db: Knex, userId: string): Promise<void> {
  await db('api_tokens').where({ user_id: userId, is_revoked: false }).update({ is_revoked: true })
}

export async function revokeTokensNamed(db: Knex, token: { userId: string; name: string }): Promise<void> {
  await db('api_tokens')
    .where({ user_id: token.userId, name: token.name, is_revoked: false })
    .update({ is_revoked: true })
}

/** A token valid at `now` and its active user; undefined for any other token. */
export async function findTokenWithUser(
  db: Knex,
  tokenHash: Buffer,
  now: Date,
): Promise<{ user: User; tokenId: string; scopes: Permission[] | null; expiresAt: Date | null } | undefined> {
  const row = await db('api_tokens as t')
    .join('users as u', 'u.id', 't.user_id')
    .where({ 't.token_hash': tokenHash, 't.is_revoked': false, 'u.is_active': true })
    .where((each) => each.whereNull('t.expires_at').orWhere('t.expires_at', '>', now))
    .first([...userColumns, 't.id as token_id', 't.scopes', 't.expires_at'])
  return row && { user: toUser(row), tokenId: row.token_id, scopes: row.scopes, expiresAt: row.expires_at }
}

/**
 * Stores the last use of several tokens in one statement. A late batch never decreases the time. A time in the future,
 * here or in the row, comes from a clock that was ahead and is corrected.
 */
export async function touchTokens(db: Knex, used: ReadonlyMap<string, Date>): Promise<void> {
  await db.raw(
    `update api_tokens t set last_used_at = greatest(
       case when t.last_used_at <= clock_timestamp() then t.last_used_at end,
       least(used.at, clock_timestamp()))
     from unnest(?::uuid[], ?::timestamptz[]) as used (id, at) where t.id = used.id`,
    [[...used.keys()], [...used.values()]],
  )
}
