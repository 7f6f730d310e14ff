import { randomUUID } from 'node:crypto'
import type { Permission } from '../../platform/auth.ts'
import { badCredential, conflict, forbidden, invalidBody, notFound } from '../../platform/errors.ts'
import type { AccountsContext } from '../context.ts'
import { type AccountPrincipal, permissionsOf } from '../principal.ts'
import {
  type ApiToken,
  countActiveTokens,
  findToken,
  insertToken,
  listTokens,
  revokeToken as markRevoked,
} from '../store/api-tokens.ts'
import { lockUser } from '../store/users.ts'
import { hashOf, newApiToken } from './credentials.ts'

const maxActiveTokens = 50

interface NewTokenRequest {
  name: string
  scopes: Permission[] | null
  expiresAt: Date | null
}

/**
 * Makes a token for the caller's own user. Any credential may, because none gains by it: scopes lie within
 * the caller's, and what a token makes ends with it.
 * @returns the token in clear, for this once; only its hash is kept
 * @throws REQ_002, ACCESS_003 (a scope that the caller lacks), STATE_001 (50 active tokens), ACCESS_002
 */
export async function createApiToken(
  context: AccountsContext,
  caller: AccountPrincipal,
  wanted: NewTokenRequest,
): Promise<{ token: string; row: ApiToken }> {
  const now = context.now()
  const token = newApiToken()
  const row: ApiToken = {
    id: randomUUID(),
    userId: caller.user.id,
    name: wanted.name,
    scopes: scopesWithin(caller, wanted.scopes),
    expiresAt: endWithin(caller, wanted.expiresAt, now),
    isRevoked: false,
    lastUsedAt: null,
    createdAt: now,
  }
  await context.db.transaction(async (trx) => {
    const user = await lockUser(trx, row.userId)
    // A password changed, or a user disabled, since this request was authenticated ends it here.
    if (!user?.isActive || user.sessionEpoch !== caller.user.sessionEpoch) {
      throw badCredential('The credential is no longer valid')
    }
    if ((await countActiveTokens(trx, row.userId, now)) >= maxActiveTokens) {
      throw conflict(`A user may have ${maxActiveTokens} active tokens; revoke one first`)
    }
    const { credential } = caller
    const parentId = credential.kind === 'api-token' ? credential.tokenId : null
    await insertToken(trx, row, { hash: hashOf(token), parentId })
  })
  context.log.info({ event: 'token-created', userId: row.userId }, 'API token created')
  return { token, row }
}

/** No scopes asked for means the caller's own limit, not none. */
function scopesWithin(caller: AccountPrincipal, wanted: Permission[] | null): Permission[] | null {
  if (wanted === null) return caller.scopes === null ? null : [...caller.scopes]
  const lacking = wanted.find((each) => !caller.permissions.has(each))
  if (lacking === undefined) return [...new Set(wanted)]
  const details = { permission: lacking }
  throw forbidden(`The permission ${lacking} can't be given by one who lacks it`, {
    details,
  })
}

function endWithin(caller: AccountPrincipal, wanted: Date | null, now: Date): Date | null {
  const limit = caller.credential.kind === 'api-token' ? caller.credential.expiresAt : null
  const problem =
    wanted !== null && wanted <= now
      ? 'expected a time in the future'
      : wanted !== null && limit !== null && wanted > limit
        ? 'expected a time before the end of the token that asks'
        : undefined
  if (problem === undefined) return wanted ?? limit
  throw invalidBody([{ path: 'expires_at', problem }], 422)
}

/** All of the caller's tokens, newest first, revoked ones too. */
export function listApiTokens(context: AccountsContext, caller: AccountPrincipal): Promise<ApiToken[]> {
  return listTokens(context.db, caller.user.id)
}

/**
 * Ends a token; again is no error.
 * @throws SYS_005 (also for tokens of others), ACCESS_003 when a scoped token would end a mightier one
 */
export async function revokeApiToken(
  context: AccountsContext,
  caller: AccountPrincipal,
  id: string,
): Promise<void> {
  const token = await findToken(context.db, { id, userId: caller.user.id })
  if (token === undefined) throw notFound('Token')
  const reach = permissionsOf(caller.user, token.scopes)
  if (caller.scopes !== null && ![...reach].every((each) => caller.permissions.has(each))) {
    throw forbidden("A scoped token can't revoke a token that may do more")
  }
  await markRevoked(context.db, token.id)
  context.principals.forget(caller.id)
  context.log.info({ event: 'token-revoked', userId: caller.user.id }, 'API token revoked')
}
