import { isIPv6 } from 'node:net'
import type { Knex } from 'knex'
import { CodedError } from '../../platform/errors.ts'
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

/** What one client can hold many of counts as one: an IPv6 /64. IPv4 in IPv6 clothes is IPv4. */
export function network(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)
  if (mapped?.[1] !== undefined) return mapped[1]
  const bare = address.split('%')[0] ?? ''
  if (!isIPv6(bare)) return address
  const [head = '', tail] = bare.toLowerCase().split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  // A dotted tail stands for two groups; it lies outside the first 64 bits unless the address is written in
  // full.
  const gap = 8 - left.length - right.length - (bare.includes('.') ? 1 : 0)
  const groups = [...left, ...Array<string>(Math.max(0, tail === undefined ? 0 : gap)).fill('0'), ...right]
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`
}
