import { forbidden, notFound } from '../../platform/errors.ts'
import type { AccountsContext } from '../context.ts'
import { type AccountPrincipal, subjectOf } from '../principal.ts'
import { type ApiToken, findToken, listTokens, revokeToken } from '../store/api-tokens.ts'
import { findUser, listUsers, lockUser, type User, type UserChange, updateUser } from '../store/users.ts'
import { endCredentials, replacePassword } from './account-changes.ts'
import { addUser, refusalOf } from './administration.ts'

export interface UserRequest {
  username: string
  email: string
  password: string
  isAdmin: boolean
  /** Undefined: what the role starts with. */
  rateLimitPerSecond?: number | undefined
  rateLimitBurst?: number | undefined
}

/** @throws STATE_001 for a name or e-mail that is taken, SYS_002 */
export async function createUser(
  context: AccountsContext,
  caller: AccountPrincipal,
  wanted: UserRequest,
): Promise<User> {
  const { db, passwords, rateLimits, log } = context
  const { username, email, isAdmin } = wanted
  requireReach(caller, wanted)
  const initial = isAdmin ? rateLimits.admin : rateLimits.user
  const rateLimit = {
    perSecond: wanted.rateLimitPerSecond ?? initial.perSecond,
    burst: wanted.rateLimitBurst ?? initial.burst,
  }
  const passwordHash = await passwords.hash(wanted.password)
  const id = await addUser(db, { username, email, passwordHash, isAdmin, rateLimit })
  log.info({ event: 'user-created', userId: id, account: caller.name }, 'user created')
  return getUser(context, id)
}

/** A page, newest first. */
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
 * Changes a user. A new password or a deactivation ends its sessions and tokens when it commits; they stay ended
 * after a reactivation. New limits count from the next request on.
 * @throws SYS_005, STATE_001 (taken; the last administrator), SYS_002
 */
export async function changeUser(
  context: AccountsContext,
  caller: AccountPrincipal,
  wanted: { id: string; change: UserChange; password?: string | undefined },
): Promise<User> {
  const { db, passwords, principals, limits, log } = context
  const { id, change, password } = wanted
  requireReach(caller, change)
  // A stranger's id costs no hash.
  await getUser(context, id)
  const passwordHash = password === undefined ? undefined : await passwords.hash(password)
  try {
    await db.transaction(async (trx) => {
      const user = await lockUser(trx, id)
      if (user === undefined) throw notFound('User')
      requireReach(caller, user)
      await updateUser(trx, id, change)
      if (passwordHash !== undefined) await replacePassword(trx, { userId: id, passwordHash })
      else if (change.isActive === false) await endCredentials(trx, id)
    })
  } catch (error) {
    throw refusalOf(error)
  }
  principals.forget(subjectOf(id))
  // As on the server itself: who was locked out by guesses at the old password may use the new one.
  if (passwordHash !== undefined) await limits.clear(id)
  log.info({ event: 'user-changed', userId: id, account: caller.name }, 'user changed')
  return getUser(context, id)
}

/** Tokens of any user, newest first. @throws SYS_005 */
export async function tokensOf({ db }: AccountsContext, userId: string): Promise<ApiToken[]> {
  await getUser({ db }, userId)
  return listTokens(db, userId)
}

/** @throws SYS_005, also for another user's token */
export async function revokeTokenOf(
  context: AccountsContext,
  caller: AccountPrincipal,
  token: { id: string; userId: string },
): Promise<void> {
  requireReach(caller, await getUser(context, token.userId))
  if ((await findToken(context.db, token)) === undefined) throw notFound('Token')
  await revokeToken(context.db, token.id)
  context.principals.forget(subjectOf(token.userId))
  context.log.info(
    { event: 'token-revoked', userId: token.userId, account: caller.name },
    'API token revoked',
  )
}

/**
 * Scopes only take away: with `accounts:admin` alone a token manages users, but could make itself everything if it
 * might make, or take over, an administrator. @throws ACCESS_003
 */
function requireReach(caller: AccountPrincipal, account: { isAdmin?: boolean | undefined }): void {
  if (caller.scopes === null || account.isAdmin !== true) return
  throw forbidden("A scoped token can't make or change administrators")
}
