import { hash } from 'node:crypto'
import { tooManyRequests } from '../../platform/errors.ts'
import { type BucketRule, createProcessBuckets, network } from '../../platform/rate-limit/index.ts'

/**
 * Bad credentials by address: from whom sends too many, unknown ones are refused before the database is asked. A
 * credential that was good lately is always asked for: behind one proxy all callers may have one address.
 */
export interface Guesses {
  /** @throws SYS_003 */
  check(credential: string, address: string): void
  good(credential: string): void
  bad(credential: string, address: string): void
}

const maxGood = 10_000

/** In this process, since it spares this process's queries; the bucket of good calls is another one. */
export function createGuesses(rule: BucketRule): Guesses {
  const buckets = createProcessBuckets()
  // By a hash: they stay longer than a request. Looks are rare enough to pay for it.
  const lately = new Set<string>()
  const nameOf = (credential: string) => hash('sha256', credential)
  return {
    check(credential, address) {
      if (buckets.look(network(address), rule).allowed || lately.has(nameOf(credential))) return
      throw tooManyRequests('Too many bad credentials from this address', 1)
    },
    good(credential) {
      const name = nameOf(credential)
      lately.delete(name)
      lately.add(name)
      if (lately.size <= maxGood) return
      const [oldest = ''] = lately
      lately.delete(oldest)
    },
    bad(credential, address) {
      lately.delete(nameOf(credential))
      buckets.take(network(address), rule)
    },
  }
}
