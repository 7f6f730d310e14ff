import type { Knex } from 'knex'
import { CodedError } from '../../platform/errors.ts'
import { network } from '../../platform/rate-limit/index.ts'
import type { Secrets } from '../../platform/secrets.ts'
import { clearHits, returnHit, takeHit } from '../store/login-limits.ts'

const perAddress = { limit: 5, windowMs: 60_000 }
const perAccount = { limit: 10, windowMs: 60 * 60_000 }

/**
 * The limits of guessing, in the database: they hold across web processes and restarts. Buckets are named by
 * a keyed fingerprint, because people type passwords into the field for the name.
 */
export interface LoginLimits {
  /** Every attempt counts, failed or not. @throws SYS_003 */
  countAddress(address: string): Promise<void>
  /**
   * Counts a failure before it is known to be one, so that parallel guesses can't pass together.
   * @param account a user's id, or the name given when there is no such user
   * @returns takes the count back; to be called when the password was right
   * @throws SYS_003
   */
  countFailure(account: string): Promise<() => Promise<void>>
  /** Opens a blocked account again. */
  clear(account: string): Promise<void>
}

export function createLoginLimits(db: Knex, secrets: Secrets, now: () => Date): LoginLimits {
  const accountBucket = (account: string) => secrets.fingerprint(`login account ${account.toLowerCase()}`)

  async function count(bucket: string, rule: { limit: number; windowMs: number }): Promise<Date> {
    const at = now()
    const freeAt = await takeHit(db, { bucket, at, ...rule })
    if (freeAt === undefined) return at
    const retryAfter = Math.max(1, Math.ceil((freeAt.getTime() - at.getTime()) / 1000))
    throw new CodedError('SYS_003', 'Too many sign-in attempts', { retryAfter })
  }

  return {
    async countAddress(address) {
      await count(secrets.fingerprint(`login address ${network(address)}`), perAddress)
    },
    async countFailure(account) {
      const bucket = accountBucket(account)
      const at = await count(bucket, perAccount)
      return () => returnHit(db, bucket, at)
    },
    clear: (account) => clearHits(db, accountBucket(account)),
  }
}
