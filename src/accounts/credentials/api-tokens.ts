import { randomUUID } from 'node:crypto'
import type { Permission } from '../../platform/auth.ts'
import { badCredential, conflict, forbidden, invalidBody, notFound } from '../../platform/errors.ts'
import type { AccountsContext } from '../context.ts'
import { type AccountPrincipal, permissionsOf, unscopedAction } from '../principal.ts'
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
 * Creates a token for the caller's own user. Every credential may do so, because it gains nothing: the scopes are
 * limited to the caller's, and a token created by a token expires and is revoked with it.
 * @returns the token in plain text, only this once; only its hash is stored
 * @throws REQ_002, ACCESS_003 (a scope that the caller lacks), STATE_001 (50 active tokens), ACCESS_002
 */
export async function createApiToken(
  context: AccountsContext,
  caller: AccountPrincipal,
  request: NewTokenRequest,
): Promise<{ token: string; row: ApiToken }> {
  const now = context.now()
  const token = newApiToken()
  const row: ApiToken = {
    id: randomUUID(),
    userId: caller.user.id,
    name: request.name,
    scopes: limitScopes(caller, request.scopes),
    expiresAt: limitExpiry(caller, request.expiresAt, now),
    isRevoked: false,
    lastUsedAt: null,
    createdAt: now,
  }
  await context.db.transaction(async (trx) => {
    const user = await lockUser(trx, row.userId)
    // Refuses if the password was changed or the user disabled since this request was authenticated.
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

/** Limits scopes to the caller's. Null means the caller's own scopes. */
function limitScopes(caller: AccountPrincipal, requested: Permission[] | null): Permission[] | null {
  if (requested === null) return caller.scopes === null ? null : [...caller.scopes]
  const missing = requested.find((each) => !caller.permissions.has(each))
  if (missing === undefined) return [...new Set(requested)]
  const details = { permission: missing }
  throw forbidden(`The permission ${missing} cannot be granted: the caller does not have it`, {
    details,
    suggestedAction: 'Request only permissions that the caller has',
  })
}

function limitExpiry(caller: AccountPrincipal, requested: Date | null, now: Date): Date | null {
  const limit = caller.credential.kind === 'api-token' ? caller.credential.expiresAt : null
  const problem =
    requested !== null && requested <= now
      ? 'expected a time in the future'
      : requested !== null && limit !== null && requested > limit
        ? 'expected a time before the expiry of the calling token'
        : undefined
  if (problem === undefined) return requested ?? limit
  throw invalidBody([{ path: 'expires_at', problem }], 422)
}

/** All tokens of the caller, including revoked ones, newest first. */
export function listApiTokens(context: AccountsContext, caller: AccountPrincipal): Promise<ApiToken[]> {
  return listTokens(context.db, caller.user.id)
}

/**
 * Revokes a token; repeating it is no error.
 * @throws SYS_005 (also for tokens of other users), ACCESS_003 if the token has permissions that a scoped caller lacks
 */
export async function revokeApiToken(
  context: AccountsContext,
  caller: AccountPrincipal,
  id: string,
): Promise<void> {
  const token = await findToken(context.db, { id, userId: caller.user.id })
  if (token === undefined) throw notFound('Token')
  const tokenPermissions = permissionsOf(caller.user, token.scopes)
  if (caller.scopes !== null && ![...tokenPermissions].every((each) => caller.permissions.has(each))) {
    throw forbidden('A scoped token cannot revoke a token with more permissions', {
      suggestedAction: unscopedAction,
    })
  }
  await markRevoked(context.db, token.id)
  context.principals.forget(caller.id)
  context.log.info({ event: 'token-revoked', userId: caller.user.id }, 'API token revoked')
}
