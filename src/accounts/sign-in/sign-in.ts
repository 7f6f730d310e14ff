import { badCredential, CodedError } from '../../platform/errors.ts'
import { network } from '../../platform/rate-limit/index.ts'
import type { AccountsContext } from '../context.ts'
import { csrfTokenOf, hashOf, newSessionId } from '../credentials/credentials.ts'
import { jwtLifetimeSeconds } from '../credentials/jwt.ts'
import { insertSession } from '../store/sessions.ts'
import { findUserByName, type User } from '../store/users.ts'
import { newBrowserId } from './browser-id.ts'
import { knownOrigin, rememberPlaces, type SignInOrigin } from './sign-in-places.ts'

/** A browser session ends this long after its last request. */
export const sessionLifetimeMs = 8 * 60 * 60_000

interface Attempt {
  username: string
  password: string
  origin: SignInOrigin
  /** True for a browser, which keeps an id. Other programs keep no cookies: each sign-in would be a new browser. */
  browser: boolean
}

/**
 * Verifies a name and a password, and remembers where the user has signed in: guesses from elsewhere do not count there.
 * @returns the user, and the id that a browser has to keep: the one it has shown if this user has signed in with it before,
 * else a new one, since somebody else may have planted what it has shown
 * @throws ACCESS_002 (one answer, in one time, for a wrong name and a wrong password), SYS_003, SYS_002.
 */
export async function signIn(
  context: AccountsContext,
  attempt: Attempt,
): Promise<{ user: User; browserId: string | undefined }> {
  const { db, log } = context
  const { origin, browser } = attempt
  await context.clockMeasured()
  const { address } = origin
  const user = await findUserByName(db, attempt.username)
  const known = await knownOrigin(context, user, origin)
  const who = user === undefined ? { address } : { address, userId: user.id }
  const right = await verifyGuess(context, { attempt, user, place: known.place }).catch((error: unknown) => {
    if (error instanceof CodedError && error.code === 'SYS_003')
      log.warn({ event: 'sign-in', outcome: 'limited', ...who }, 'too many wrong passwords: sign-in refused')
    throw error
  })
  if (!right || user === undefined) {
    // Never the name that was typed: it may be a password.
    log.warn({ event: 'sign-in', outcome: 'refused', ...who }, 'sign-in refused')
    throw badCredential('Invalid username or password')
  }
  if (!user.isActive) throw badCredential('User account is disabled')
  const browserId = known.browserId ?? (browser ? newBrowserId() : undefined)
  await rememberPlaces(context, user, { address, browserId })
  log.info({ event: 'sign-in', outcome: 'done', ...who }, 'signed in')
  return { user, browserId }
}

/**
 * In turn in each process: one place or one address can't take up all of the processor. The limits hold without that.
 * From an unknown place the account has a turn, too, so that guesses from many addresses wait for each other.
 */
function verifyGuess(
  { limits, turns, passwords }: AccountsContext,
  guess: { attempt: Attempt; user: User | undefined; place: string | undefined },
): Promise<boolean> {
  const { attempt, user, place } = guess
  const { address } = attempt.origin
  const account = user?.id ?? attempt.username.toLowerCase()
  const verify = () => passwords.verify(user?.passwordHash, attempt.password, place !== undefined)
  if (place !== undefined)
    return turns(`place ${account} ${place}`, () => limits.guess(account, { known: place }, verify))
  const inAccountsTurn = () => turns(`account ${account}`, () => limits.guess(account, { address }, verify))
  return turns(`address ${network(address)}`, inAccountsTurn)
}

/** Verifies the current password of somebody who is signed in, in turn. @throws SYS_003, SYS_002 */
export function isCurrentPassword(
  { limits, passwords, turns }: AccountsContext,
  user: { id: string; passwordHash: string },
  password: string,
): Promise<boolean> {
  const verify = () => passwords.verify(user.passwordHash, password, true)
  return turns(`change ${user.id}`, () => limits.guessAtChange(user.id, verify))
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
    hostCookie: context.cookies.secure,
    userId: user.id,
    // Of the row whose password was verified: a change of password in between makes this session void.
    sessionEpoch: user.sessionEpoch,
    at,
    expiresAt: new Date(at.getTime() + sessionLifetimeMs),
  })
  return { id, csrfToken: csrfTokenOf(context.secrets, id) }
}
