import { forbidden, notFound } from '../../platform/errors.ts'
import type { AccountsContext } from '../context.ts'
import { type AccountPrincipal, subjectOf, unscopedAction } from '../principal.ts'
import { type ApiToken, findToken, listTokens, revokeToken } from '../store/api-tokens.ts'
import { findUser, listUsers, lockUser, type User, type UserChange, updateUser } from '../store/users.ts'
import { endCredentials, replacePassword } from './account-changes.ts'
import { addUser, toUserError } from './administration.ts'

export interface UserRequest {
  username: string
  email: string
  password: string
  isAdmin: boolean
  /** Undefined: the default of the role. */
  rateLimitPerSecond?: number | undefined
  rateLimitBurst?: number | undefined
}

/** @throws STATE_001 if the name or e-mail is taken, SYS_002 */
export async function createUser(
  context: AccountsContext,
  caller: AccountPrincipal,
  request: UserRequest,
): Promise<User> {
  const { db, passwords, rateLimits, log } = context
  const { username, email, isAdmin } = request
  requireAuthorityOver(caller, request)
  const initial = isAdmin ? rateLimits.admin : rateLimits.user
  const rateLimit = {
    perSecond: request.rateLimitPerSecond ?? initial.perSecond,
    burst: request.rateLimitBurst ?? initial.burst,
  }
  const passwordHash = await passwords.hash(request.password)
  const id = await addUser(db, { username, email, passwordHash, isAdmin, rateLimit })
  log.info({ event: 'user-created', userId: id, account: caller.name }, 'user created')
  return getUser(context, id)
}

/** A page of users, newest first. */
export function usersPage({ db }: AccountsContext, query: Parameters<typeof listUsers>[1]) {
  return listUsers(db, query)
}

/** @throws SYS_005 */
export async function getUser({ db }: Pick<AccountsContext, 'db'>, id: string): Promise<User> {
  const user = await findUser(db, id)
  if (user === undefined) throw notFound('User')
  return user
}

/**
 * Changes a user. A new password or a deactivation ends the user's sessions and tokens at the commit; a reactivation
 * does not restore them. New limits apply from the next request on.
 * @throws SYS_005, STATE_001 (name or e-mail taken; last administrator), SYS_002
 */
export async function changeUser(
  context: AccountsContext,
  caller: AccountPrincipal,
  request: { id: string; change: UserChange; password?: string | undefined },
): Promise<User> {
  const { db, passwords, principals, limits, log } = context
  const { id, change, password } = request
  requireAuthorityOver(caller, change)
  // Checked first, so that an unknown id does not cost a password hash.
  await getUser(context, id)
  const passwordHash = password === undefined ? undefined : await passwords.hash(password)
  try {
    await db.transaction(async (trx) => {
      const user = await lockUser(trx, id)
      if (user === undefined) throw notFound('User')
      requireAuthorityOver(caller, user)
      await updateUser(trx, id, change)
      if (passwordHash !== undefined) await replacePassword(trx, { userId: id, passwordHash })
      else if (change.isActive === false) await endCredentials(trx, id)
    })
  } catch (error) {
    throw toUserError(error)
  }
  principals.forget(subjectOf(id))
  // A user locked out by guesses at the old password can use the new one, like after `resetPassword`.
  if (passwordHash !== undefined) await limits.clear(id)
  log.info({ event: 'user-changed', userId: id, account: caller.name }, 'user changed')
  return getUser(context, id)
}

/** The tokens of a user, newest first. @throws SYS_005 */
export async function tokensOf({ db }: AccountsContext, userId: string): Promise<ApiToken[]> {
  await getUser({ db }, userId)
  return listTokens(db, userId)
}

/** Revokes a user's token. @throws SYS_005, also for a token of another user */
export async function revokeTokenOf(
  context: AccountsContext,
  caller: AccountPrincipal,
  token: { id: string; userId: string },
): Promise<void> {
  requireAuthorityOver(caller, await getUser(context, token.userId))
  if ((await findToken(context.db, token)) === undefined) throw notFound('Token')
  await revokeToken(context.db, token.id)
  context.principals.forget(subjectOf(token.userId))
  context.log.info(
    { event: 'token-revoked', userId: token.userId, account: caller.name },
    'API token revoked',
  )
}

/**
 * Refuses changes of administrators by a scoped token: with `accounts:admin` it could otherwise gain all permissions by
 * creating or taking over an administrator. @throws ACCESS_003
 */
function requireAuthorityOver(caller: AccountPrincipal, account: { isAdmin?: boolean | undefined }): void {
  if (caller.scopes === null || account.isAdmin !== true) return
  throw forbidden('A scoped token cannot create or change administrators', {
    suggestedAction: unscopedAction,
  })
}
