import { CodedError } from '../../platform/errors.ts'
import { type BucketRule, createProcessBuckets, network } from '../../platform/rate-limit/index.ts'

/** Bad credentials by address: whoever sends too many is refused before the database is asked about one more. */
export interface Guesses {
  /** @throws SYS_003 */
  check(address: string): void
  count(address: string): void
}

/** In this process, since it spares this process's queries; the bucket of good calls is another one. */
export function createGuesses(rule: BucketRule): Guesses {
  const buckets = createProcessBuckets()
  return {
    check(address) {
      if (buckets.look(network(address), rule).allowed) return
      throw new CodedError('SYS_003', 'Too many bad credentials from this address', { retryAfter: 1 })
    },
    count: (address) => void buckets.take(network(address), rule),
  }
}
