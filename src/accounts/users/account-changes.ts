import type { Knex } from 'knex'
import { badCredential, conflict, forbidden } from '../../platform/errors.ts'
import type { AccountsContext } from '../context.ts'
import { type AccountPrincipal, unscopedAction } from '../principal.ts'
import { isCurrentPassword } from '../sign-in/sign-in.ts'
import { knownOrigin, rememberPlaces, type SignInOrigin } from '../sign-in/sign-in-places.ts'
import { revokeTokensOf } from '../store/api-tokens.ts'
import { deleteOldSessions, deleteSession, moveSession, revokeJwt } from '../store/sessions.ts'
import { lockUser, raiseEpoch, setPassword } from '../store/users.ts'

/**
 * Ends the credential of the current request. @throws STATE_001 for an API token, which is revoked by its id
 */
export async function signOut(context: AccountsContext, caller: AccountPrincipal): Promise<void> {
  const { credential } = caller
  switch (credential.kind) {
    case 'session':
      await deleteSession(context.db, credential.idHash)
      break
    case 'jwt':
      await revokeJwt(context.db, credential.jti, credential.expiresAt)
      break
    case 'api-token':
      throw conflict('An API token has no session; revoke it with DELETE /api/v1/auth/tokens/{id}')
  }
  context.principals.forget(caller.id)
  context.log.info({ event: 'sign-out', userId: caller.user.id }, 'signed out')
}

/**
 * Changes the caller's own password and immediately ends all other sessions and all tokens. The session of this request
 * continues; a JWT cannot, so its caller gets a new one for the returned epoch. The place of this request is recorded.
 * @throws ACCESS_002 (password wrong, or changed meanwhile), ACCESS_003 (a scoped token), SYS_003
 */
export async function changePassword(
  context: AccountsContext,
  caller: AccountPrincipal,
  change: { current: string; replacement: string; origin: SignInOrigin },
): Promise<{ sessionEpoch: number }> {
  if (caller.scopes !== null)
    throw forbidden('A scoped token cannot change the password', { suggestedAction: unscopedAction })
  const { user, credential } = caller
  await context.clockMeasured()
  // The limit of guesses applies here too, because a stolen session must not bypass it.
  if (!(await isCurrentPassword(context, user, change.current))) {
    throw badCredential('The current password is wrong')
  }
  const passwordHash = await context.passwords.hash(change.replacement)
  const sessionEpoch = await context.db.transaction(async (trx) => {
    const current = await lockUser(trx, user.id)
    if (current?.sessionEpoch !== user.sessionEpoch) {
      throw badCredential('The credential is no longer valid')
    }
    const epoch = await replacePassword(trx, { userId: user.id, passwordHash, keep: credential })
    const { address } = change.origin
    const { browserId } = await knownOrigin({ ...context, db: trx }, user, change.origin)
    await rememberPlaces(
      { ...context, db: trx },
      { id: user.id, sessionEpoch: epoch },
      { address, browserId },
    )
    return epoch
  })
  context.principals.forget(caller.id)
  context.log.info({ event: 'password-changed', userId: user.id }, 'password changed')
  return { sessionEpoch }
}

/** The only function that sets a new password: all credentials of the old one end when the transaction commits. */
export async function replacePassword(
  trx: Knex.Transaction,
  change: { userId: string; passwordHash: string; keep?: AccountPrincipal['credential'] },
): Promise<number> {
  await setPassword(trx, change.userId, change.passwordHash)
  return endCredentials(trx, change.userId, change.keep)
}

/**
 * Ends all sessions, JWTs and API tokens of a user, except one session that may be kept. The user's sign-in places are
 * kept: they grant no access, and without them guesses from elsewhere would lock the owner out.
 * @returns the new epoch
 */
export async function endCredentials(
  trx: Knex.Transaction,
  userId: string,
  keep?: AccountPrincipal['credential'],
): Promise<number> {
  const sessionEpoch = await raiseEpoch(trx, userId)
  if (keep?.kind === 'session') await moveSession(trx, keep.idHash, sessionEpoch)
  await deleteOldSessions(trx, userId, sessionEpoch)
  await revokeTokensOf(trx, userId)
  return sessionEpoch
}
