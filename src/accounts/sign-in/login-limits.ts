import type { Knex } from 'knex'
import { CodedError } from '../../platform/errors.ts'
import { network } from '../../platform/rate-limit/index.ts'
import type { Secrets } from '../../platform/secrets.ts'
import { clearHits, returnHit, takeHit } from '../store/login-limits.ts'

interface Rule {
  /** Wrong passwords inside the window. */
  limit: number
  windowMs: number
}

const hour = 60 * 60_000
/** At one account, from one place or by one credential. */
const perPlace: Rule = { limit: 10, windowMs: hour }
/** At one account, from all places together at which it has never signed in. */
const perAccount: Rule = { limit: 20, windowMs: hour }
/** From one address, at all accounts together that have never signed in there. */
const perAddress: Rule = { limit: 20, windowMs: 5 * 60_000 }

/** Where a guess comes from: a place where this account has signed in before, or just an address. */
export type GuessOrigin = { known: string } | { address: string }

/** Takes the count back; to be called when the password was right. */
type Excuse = () => Promise<void>

/**
 * The limits of guessing, in the database: they hold across web processes and restarts. Only wrong passwords are counted,
 * and each before it is known to be wrong, so that parallel guesses can't pass together. Buckets are named by a keyed
 * fingerprint, because people type passwords into the field for the name.
 */
export interface LoginLimits {
  /**
   * Counts a guess. One from a known place draws on the bucket of that place alone, so that nobody elsewhere can use it up.
   * @param account a user's id, or the name given when there is no such user
   * @throws SYS_003
   */
  countGuess(account: string, origin: GuessOrigin): Promise<Excuse>
  /** Counts a guess at the current password by somebody who is signed in. @throws SYS_003 */
  countChange(account: string): Promise<Excuse>
  /** Opens a blocked account again, from everywhere. */
  clear(account: string): Promise<void>
}

interface Bucket {
  name: string
  rule: Rule
  account: string | null
}

export function createLoginLimits(db: Knex, secrets: Secrets, now: () => Date): LoginLimits {
  const accountOf = (account: string) => secrets.fingerprint(`login account ${account.toLowerCase()}`)
  const ofAccount = (account: string, part: string, rule: Rule): Bucket => ({
    name: secrets.fingerprint(`login account ${account.toLowerCase()} ${part}`),
    rule,
    account: accountOf(account),
  })

  function bucketsOf(account: string, origin: GuessOrigin): Bucket[] {
    if ('known' in origin) return [ofAccount(account, `place ${origin.known}`, perPlace)]
    const address = network(origin.address)
    return [
      // First: from an address that may guess no more, nothing else is written down.
      { name: secrets.fingerprint(`login address ${address}`), rule: perAddress, account: null },
      ofAccount(account, `address ${address}`, perPlace),
      ofAccount(account, 'elsewhere', perAccount),
    ]
  }

  /** All of them or none. */
  async function count(buckets: Bucket[]): Promise<Excuse> {
    const at = now()
    const counted: Bucket[] = []
    const excuse = async () => {
      for (const { name } of counted) await returnHit(db, name, at)
    }
    for (const bucket of buckets) {
      const freeAt = await takeHit(db, { bucket: bucket.name, account: bucket.account, at, ...bucket.rule })
      if (freeAt === undefined) {
        counted.push(bucket)
        continue
      }
      await excuse()
      const retryAfter = Math.max(1, Math.ceil((freeAt.getTime() - at.getTime()) / 1000))
      throw new CodedError('SYS_003', 'Too many sign-in attempts', { retryAfter })
    }
    return excuse
  }

  return {
    countGuess: (account, origin) => count(bucketsOf(account, origin)),
    countChange: (account) => count([ofAccount(account, 'change', perPlace)]),
    clear: (account) => clearHits(db, accountOf(account)),
  }
}
