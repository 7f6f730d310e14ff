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
  /** True for a browser, which gets an id. Other programs keep no cookies, so each sign-in would be a new browser. */
  browser: boolean
}

/**
 * Verifies a name and a password, and records the place of the sign-in, where guesses from elsewhere then do not count.
 * @returns the user, and the id that the browser must keep: its current one if this user has signed in with it before,
 * otherwise a new one, because the current one may have been planted
 * @throws ACCESS_002 (same message and duration for a wrong name and a wrong password), SYS_003, SYS_002
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
  const knownParts = await knownOrigin(context, user, origin)
  const logFields = user === undefined ? { address } : { address, userId: user.id }
  const isCorrect = await verifyGuess(context, { attempt, user, place: knownParts.place }).catch(
    (error: unknown) => {
      if (error instanceof CodedError && error.code === 'SYS_003')
        log.warn(
          { event: 'sign-in', outcome: 'limited', ...logFields },
          'sign-in refused: too many wrong passwords',
        )
      throw error
    },
  )
  if (!isCorrect || user === undefined) {
    // The entered name is not logged: it may be a password.
    log.warn(
      { event: 'sign-in', outcome: 'refused', ...logFields },
      'sign-in refused: wrong name or password',
    )
    throw badCredential('Invalid username or password')
  }
  if (!user.isActive) throw badCredential('User account is disabled')
  const browserId = knownParts.browserId ?? (browser ? newBrowserId() : undefined)
  await rememberPlaces(context, user, { address, browserId })
  log.info({ event: 'sign-in', outcome: 'done', ...logFields }, 'signed in')
  return { user, browserId }
}

/**
 * Verifies guesses one after the other per place or address in each process, so that none of them can occupy the whole
 * processor; the limits do not depend on it. From unknown places, guesses are also serialized per account, so that
 * guesses from many addresses wait for each other.
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
    return turns(`place ${account} ${place}`, () => limits.guess(account, { knownPlace: place }, verify))
  const inTurnOfAccount = () => turns(`account ${account}`, () => limits.guess(account, { address }, verify))
  return turns(`address ${network(address)}`, inTurnOfAccount)
}

/** Verifies the current password of a signed-in user, one attempt at a time. @throws SYS_003, SYS_002 */
export function isCurrentPassword(
  { limits, passwords, turns }: AccountsContext,
  user: { id: string; passwordHash: string },
  password: string,
): Promise<boolean> {
  const verify = () => passwords.verify(user.passwordHash, password, true)
  return turns(`change ${user.id}`, () => limits.guessAtChange(user.id, verify))
}

/** Issues a signed, short-lived token for programs. */
export async function issueJwt(context: AccountsContext, user: { id: string; sessionEpoch: number }) {
  return { accessToken: await context.jwts.issue(user), expiresInSeconds: jwtLifetimeSeconds }
}

/** Opens a session for a browser. Only a hash of its id is stored; the id itself goes into the cookie. */
export async function openSession(context: AccountsContext, user: User) {
  const id = newSessionId()
  const at = context.now()
  await insertSession(context.db, {
    idHash: hashOf(id),
    hostCookie: context.cookies.secure,
    userId: user.id,
    // The epoch of the verified row: a password change in the meantime makes this session invalid.
    sessionEpoch: user.sessionEpoch,
    at,
    expiresAt: new Date(at.getTime() + sessionLifetimeMs),
  })
  return { id, csrfToken: csrfTokenOf(context.secrets, id) }
}
