import type { Knex } from 'knex'
import { type CodedError, tooManyRequests } from '../../platform/errors.ts'
import { network } from '../../platform/rate-limit/index.ts'
import type { Secrets } from '../../platform/secrets.ts'
import { addWrongPassword, type Bucket, clearWrongPasswords, fullForMs } from '../store/login-limits.ts'

type Rule = Pick<Bucket, 'limit' | 'windowMs'>

const hour = 60 * 60_000
/** Guesses at one account from one place, or with one credential. */
const perPlace: Rule = { limit: 10, windowMs: hour }
/** Guesses at one account from all places together where it has never signed in. */
const perAccount: Rule = { limit: 20, windowMs: hour }
/** Guesses from one address at all accounts together that have never signed in there. */
const perAddress: Rule = { limit: 20, windowMs: 5 * 60_000 }

export const longestWindowMs = hour

/** The origin of a guess: a place where this account has signed in before, or any other address. */
export type GuessOrigin = { knownPlace: string } | { address: string }

/** Verifies the password of a guess. */
type Verify = () => Promise<boolean>

/**
 * Limits password guesses in the database, across web processes and restarts. Only wrong passwords are counted. Buckets
 * are named by a keyed fingerprint, because users may type a password into the user name field.
 *
 * A limit is checked twice: before verifying the password, to save the work, and afterwards, atomically with the count.
 * So of parallel guesses in any number of processes, no more than the limit get a result, while any number of correct
 * passwords can be verified at the same time.
 */
export interface LoginLimits {
  /**
   * Verifies and counts a guess. A guess from a known place uses only that place's bucket, so guesses from elsewhere
   * cannot exhaust it.
   * @param account a user's id, or the entered name if no such user exists
   * @returns whether the password was correct
   * @throws SYS_003 if the limit is reached, even for a correct password; errors of `verify`, without counting
   */
  guess(account: string, origin: GuessOrigin, verify: Verify): Promise<boolean>
  /** Verifies and counts a signed-in user's entry of the current password. */
  guessAtChange(account: string, verify: Verify): Promise<boolean>
  /** Resets the limits of an account for all places. */
  clear(account: string): Promise<void>
}

export function createLoginLimits(db: Knex, secrets: Secrets): LoginLimits {
  const accountOf = (account: string) => secrets.fingerprint(`login account ${account.toLowerCase()}`)
  const ofAccount = (account: string, part: string, rule: Rule): Bucket => ({
    name: secrets.fingerprint(`login account ${account.toLowerCase()} ${part}`),
    account: accountOf(account),
    ...rule,
  })

  function bucketsOf(account: string, origin: GuessOrigin): Bucket[] {
    if ('knownPlace' in origin) return [ofAccount(account, `place ${origin.knownPlace}`, perPlace)]
    const address = network(origin.address)
    return [
      { name: secrets.fingerprint(`login address ${address}`), account: null, ...perAddress },
      ofAccount(account, `address ${address}`, perPlace),
      ofAccount(account, 'elsewhere', perAccount),
    ]
  }

  async function verifyLimited(buckets: Bucket[], verify: Verify): Promise<boolean> {
    await requireRoom(buckets)
    const isCorrect = await verify()
    if (await countResult(buckets, isCorrect)) return isCorrect
    await requireRoom(buckets)
    throw refusal(1000)
  }

  /**
   * Counts a wrong password. A correct one takes the same path and is rolled back, so that the duration of a refusal
   * does not reveal which it was.
   * @returns false, with nothing counted, if a bucket is full
   */
  async function countResult(buckets: Bucket[], isCorrect: boolean): Promise<boolean> {
    const trx = await db.transaction()
    try {
      const hasRoom = await addWrongPassword(trx, buckets)
      if (hasRoom && !isCorrect) await trx.commit()
      return hasRoom
    } finally {
      if (!trx.isCompleted()) await trx.rollback()
    }
  }

  async function requireRoom(buckets: Bucket[]): Promise<void> {
    const ms = await fullForMs(db, buckets)
    if (ms !== undefined) throw refusal(ms)
  }

  return {
    guess: (account, origin, verify) => verifyLimited(bucketsOf(account, origin), verify),
    guessAtChange: (account, verify) => verifyLimited([ofAccount(account, 'change', perPlace)], verify),
    clear: (account) => clearWrongPasswords(db, accountOf(account)),
  }
}

function refusal(ms: number): CodedError {
  return tooManyRequests('Too many sign-in attempts', Math.max(1, Math.ceil(ms / 1000)))
}
