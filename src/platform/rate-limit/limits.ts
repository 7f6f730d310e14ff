import type { Principal } from '../auth.ts'
import { tooManyRequests } from '../errors.ts'
import { network } from './address.ts'
import type { BucketRule, Decision } from './bucket.ts'
import { type HeaderSink, retryAfterSeconds, setRateLimitHeaders } from './headers.ts'
import type { RateLimiter } from './limiter.ts'

/** The rate limits of routes, pages and sockets. */
export interface RateLimits {
  /**
   * Takes a token from the principal's bucket, or from the address's bucket without a credential, and sets the
   * response's rate limit headers. Synchronous if buckets are in process. @throws SYS_003 if the bucket is empty
   */
  charge(payer: { principal: Principal } | { address: string }, res?: HeaderSink): Promise<void> | void
}

export function createRateLimits(limiter: RateLimiter, rules: { address: BucketRule }): RateLimits {
  return {
    charge(payer, res) {
      const decision =
        'principal' in payer
          ? limiter.take(payer.principal.id, payer.principal.rateLimit)
          : limiter.take(`address:${network(payer.address)}`, rules.address)
      return decision instanceof Promise ? decision.then((each) => apply(each, res)) : apply(decision, res)
    },
  }
}

function apply(decision: Decision, res: HeaderSink | undefined): void {
  if (res !== undefined) setRateLimitHeaders(res, decision)
  if (decision.allowed) return
  throw tooManyRequests('Rate limit exceeded', retryAfterSeconds(decision))
}
