import { CodedError } from '../../platform/errors.ts'
import { network } from '../../platform/rate-limit/index.ts'
import type { AccountsContext } from '../context.ts'
import { csrfTokenOf, hashOf, newSessionId } from '../credentials/credentials.ts'
import { jwtLifetimeSeconds } from '../credentials/jwt.ts'
import { insertSession } from '../store/sessions.ts'
import { findUserByName, type User } from '../store/users.ts'
import type { GuessOrigin } from './login-limits.ts'
import { knownPlace, rememberPlaces, type SignInOrigin } from './sign-in-places.ts'

/** A browser session ends this long after its last request. */
export const sessionLifetimeMs = 8 * 60 * 60_000

interface Attempt {
  username: string
  password: string
  origin: SignInOrigin
}

/**
 * Verifies a name and a password, and remembers where the user has signed in: guesses from elsewhere do not count there.
 * @throws ACCESS_002 (one answer, in one time, for a wrong name and a wrong password), SYS_003, SYS_002.
 */
export async function signIn(context: AccountsContext, attempt: Attempt): Promise<User> {
  const { db, limits, log, turns } = context
  const { origin, password } = attempt
  const { address } = origin
  const user = await findUserByName(db, attempt.username)
  const known = await knownPlace(context, user, origin)
  const account = user?.id ?? attempt.username
  const who = user === undefined ? { address } : { address, userId: user.id }
  const verify = async (from: GuessOrigin) => {
    const excuse = await limits.countGuess(account, from).catch((error: unknown) => {
      log.warn({ event: 'sign-in', outcome: 'limited', ...who }, 'too many wrong passwords: sign-in refused')
      throw error
    })
    const preferred = 'known' in from
    return verifyCounted(context, { passwordHash: user?.passwordHash, password, excuse, preferred })
  }
  // In turn: right passwords that are verified at one time would seem to be as many guesses.
  const right =
    known === undefined
      ? await turns(network(address), () => verify({ address }))
      : await turns(`${account} ${known.place}`, () => verify({ known: known.place }))
  if (!right || user === undefined) {
    // Never the name that was typed: it may be a password.
    log.warn({ event: 'sign-in', outcome: 'refused', ...who }, 'sign-in refused')
    throw new CodedError('ACCESS_002', 'Invalid username or password')
  }
  if (!user.isActive) throw new CodedError('ACCESS_002', 'User account is disabled')
  await rememberPlaces(context, user, origin)
  log.info({ event: 'sign-in', outcome: 'done', ...who }, 'signed in')
  return user
}

/** Verifies the current password of somebody who is signed in. @throws SYS_003 without having looked, SYS_002 */
export async function isCurrentPassword(
  context: AccountsContext,
  user: { id: string; passwordHash: string },
  password: string,
): Promise<boolean> {
  const excuse = await context.limits.countChange(user.id)
  return verifyCounted(context, { passwordHash: user.passwordHash, password, excuse, preferred: true })
}

/** A guess that could not be looked at, because too many wait, is no wrong one. */
async function verifyCounted(
  { passwords }: AccountsContext,
  guess: {
    passwordHash: string | undefined
    password: string
    excuse: () => Promise<void>
    preferred: boolean
  },
): Promise<boolean> {
  let wrong = false
  try {
    wrong = !(await passwords.verify(guess.passwordHash, guess.password, guess.preferred))
  } finally {
    if (!wrong) await guess.excuse()
  }
  return !wrong
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
