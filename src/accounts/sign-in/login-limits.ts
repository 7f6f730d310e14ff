import type { Knex } from 'knex'
import { type CodedError, tooManyRequests } from '../../platform/errors.ts'
import { network } from '../../platform/rate-limit/index.ts'
import type { Secrets } from '../../platform/secrets.ts'
import { addWrongPassword, type Bucket, clearWrongPasswords, fullForMs } from '../store/login-limits.ts'

type Rule = Pick<Bucket, 'limit' | 'windowMs'>

const hour = 60 * 60_000
/** At one account, from one place or by one credential. */
const perPlace: Rule = { limit: 10, windowMs: hour }
/** At one account, from all places together at which it has never signed in. */
const perAccount: Rule = { limit: 20, windowMs: hour }
/** From one address, at all accounts together that have never signed in there. */
const perAddress: Rule = { limit: 20, windowMs: 5 * 60_000 }

export const longestWindowMs = hour

/** Where a guess comes from: a place where this account has signed in before, or just an address. */
export type GuessOrigin = { known: string } | { address: string }

/** Verifies the password of the guess. */
type Verify = () => Promise<boolean>

/**
 * The limits of guessing, in the database: they hold across web processes and restarts. Only wrong passwords are counted.
 * Buckets are named by a keyed fingerprint, because people type passwords into the field for the name.
 *
 * A limit is checked twice: before the password is verified, to save the work, and when the result is known, atomically
 * with the count. So of parallel guesses, at however many processes, no more than the limit learn whether they were right,
 * and any number of right passwords can be verified at the same time.
 */
export interface LoginLimits {
  /**
   * Verifies and counts a guess. One from a known place draws on the bucket of that place alone, so that nobody elsewhere
   * can use it up.
   * @param account a user's id, or the name given when there is no such user
   * @returns whether the password was right
   * @throws SYS_003 when the limit is reached, whether the password was right or not; whatever `verify` throws, uncounted
   */
  guess(account: string, origin: GuessOrigin, verify: Verify): Promise<boolean>
  /** The same for a guess at the current password by somebody who is signed in. */
  guessAtChange(account: string, verify: Verify): Promise<boolean>
  /** Lifts the limits of an account, everywhere. */
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
    if ('known' in origin) return [ofAccount(account, `place ${origin.known}`, perPlace)]
    const address = network(origin.address)
    return [
      { name: secrets.fingerprint(`login address ${address}`), account: null, ...perAddress },
      ofAccount(account, `address ${address}`, perPlace),
      ofAccount(account, 'elsewhere', perAccount),
    ]
  }

  async function limited(buckets: Bucket[], verify: Verify): Promise<boolean> {
    await requireRoom(buckets)
    const right = await verify()
    if (await settle(buckets, right)) return right
    await requireRoom(buckets)
    throw refusal(1000)
  }

  /**
   * Counts a wrong password. A right one takes the same way and is undone, so that the time of a refusal does not tell it
   * from a wrong one.
   * @returns false, with nothing counted, when a bucket was full
   */
  async function settle(buckets: Bucket[], right: boolean): Promise<boolean> {
    const trx = await db.transaction()
    try {
      const room = await addWrongPassword(trx, buckets)
      if (room && !right) await trx.commit()
      return room
    } finally {
      if (!trx.isCompleted()) await trx.rollback()
    }
  }

  async function requireRoom(buckets: Bucket[]): Promise<void> {
    const ms = await fullForMs(db, buckets)
    if (ms !== undefined) throw refusal(ms)
  }

  return {
    guess: (account, origin, verify) => limited(bucketsOf(account, origin), verify),
    guessAtChange: (account, verify) => limited([ofAccount(account, 'change', perPlace)], verify),
    clear: (account) => clearWrongPasswords(db, accountOf(account)),
  }
}

function refusal(ms: number): CodedError {
  return tooManyRequests('Too many sign-in attempts', Math.max(1, Math.ceil(ms / 1000)))
}
