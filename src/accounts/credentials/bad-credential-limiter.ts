import { hash } from 'node:crypto'
import { tooManyRequests } from '../../platform/errors.ts'
import { type BucketRule, createProcessBuckets, network } from '../../platform/rate-limit/index.ts'

/**
 * Limits bad credentials by address: after too many, unknown ones are refused without a database query. A credential
 * that was valid recently is always looked up, because all callers behind a proxy may share one address.
 */
export interface BadCredentialLimiter {
  /** @throws SYS_003 if the address has sent too many bad credentials and this one was not valid recently */
  check(credential: string, address: string): void
  recordGood(credential: string): void
  recordBad(credential: string, address: string): void
}

const maxRecentlyGood = 10_000

/** Counts per process, because it protects this process's queries; valid calls have a separate bucket. */
export function createBadCredentialLimiter(rule: BucketRule): BadCredentialLimiter {
  const buckets = createProcessBuckets()
  // Stores hashes, because the entries outlive their requests; lookups are rare enough for the cost.
  const recentlyGood = new Set<string>()
  const nameOf = (credential: string) => hash('sha256', credential)
  return {
    check(credential, address) {
      if (buckets.peek(network(address), rule).allowed || recentlyGood.has(nameOf(credential))) return
      throw tooManyRequests('Too many bad credentials from this address', 1)
    },
    recordGood(credential) {
      const name = nameOf(credential)
      recentlyGood.delete(name)
      recentlyGood.add(name)
      if (recentlyGood.size <= maxRecentlyGood) return
      const [oldest = ''] = recentlyGood
      recentlyGood.delete(oldest)
    },
    recordBad(credential, address) {
      recentlyGood.delete(nameOf(credential))
      buckets.take(network(address), rule)
    },
  }
}
