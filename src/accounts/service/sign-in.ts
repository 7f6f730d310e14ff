import { CodedError } from '../../platform/errors.ts'
import { insertSession } from '../store/sessions.ts'
import { findUserByName, type User } from '../store/users.ts'
import type { AccountsContext } from './context.ts'
import { csrfTokenOf, hashOf, newSessionId } from './credentials.ts'
import { jwtLifetimeSeconds } from './jwt.ts'

/** A browser session ends this long after its last request. */
export const sessionLifetimeMs = 8 * 60 * 60_000

interface Attempt {
  username: string
  password: string
  /** The client's. */
  address: string
}

/** @throws ACCESS_002 (one answer, in one time, for a wrong name and a wrong password), SYS_003, SYS_002. */
export async function signIn(context: AccountsContext, attempt: Attempt): Promise<User> {
  const { db, limits, log } = context
  const { address } = attempt
  await limits.countAddress(address)
  const user = await findUserByName(db, attempt.username)
  const account = { id: user?.id ?? attempt.username, passwordHash: user?.passwordHash }
  const right = await isPasswordOf(context, account, attempt.password)
  const who = user === undefined ? { address } : { address, userId: user.id }
  if (!right || user === undefined) {
    // Never the name that was typed: it may be a password.
    log.warn({ event: 'sign-in', outcome: 'refused', ...who }, 'sign-in refused')
    throw new CodedError('ACCESS_002', 'Invalid username or password')
  }
  if (!user.isActive) throw new CodedError('ACCESS_002', 'User account is disabled')
  log.info({ event: 'sign-in', outcome: 'done', ...who }, 'signed in')
  return user
}

/**
 * Verifies one guess within the account's limit.
 * @param account `id` names the limit's bucket; without a hash the answer is false, in the same time
 * @throws SYS_003 without having looked, SYS_002
 */
export async function isPasswordOf(
  { limits, passwords }: AccountsContext,
  account: { id: string; passwordHash: string | undefined },
  password: string,
): Promise<boolean> {
  const excuse = await limits.countFailure(account.id)
  let failed = false
  try {
    failed = !(await passwords.verify(account.passwordHash, password))
  } finally {
    // A guess that could not be looked at, because too many wait, is no failure.
    if (!failed) await excuse()
  }
  return !failed
}

/** A signed, short-lived token, for programs. */
export async function issueJwt(context: AccountsContext, user: { id: string; sessionEpoch: number }) {
  return { accessToken: await context.jwts.issue(user), expiresInSeconds: jwtLifetimeSeconds }
}

/** A session for browsers. Its id is shown once, to the cookie; a hash of it is stored. */
export async function openSession(context: AccountsContext, user: User) {
  const id = newSessionId()
  const at = context.now()
  await insertSession(context.db, {
    idHash: hashOf(id),
    userId: user.id,
    // Of the row whose password was verified: a change of password in between makes this session void.
    sessionEpoch: user.sessionEpoch,
    at,
    expiresAt: new Date(at.getTime() + sessionLifetimeMs),
  })
  return { id, csrfToken: csrfTokenOf(context.secrets, id) }
}
