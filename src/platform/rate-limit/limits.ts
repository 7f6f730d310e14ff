import type { Principal } from '../auth.ts'
import { tooManyRequests } from '../errors.ts'
import { network } from './address.ts'
import type { BucketRule, Decision } from './bucket.ts'
import { type HeaderSink, retryAfterSeconds, tellLimit } from './headers.ts'
import type { RateLimiter } from './limiter.ts'

/** The one gate in front of routes, pages and sockets. */
export interface RateLimits {
  /**
   * Takes a token of the principal's bucket, or of the address's for who shows no credential, and puts the bucket's
   * state into the answer's headers. Done at once where buckets are in process. @throws SYS_003 when it is empty
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
      return decision instanceof Promise ? decision.then((each) => tell(each, res)) : tell(decision, res)
    },
  }
}

function tell(decision: Decision, res: HeaderSink | undefined): void {
  if (res !== undefined) tellLimit(res, decision)
  if (decision.allowed) return
  throw tooManyRequests('Rate limit exceeded', retryAfterSeconds(decision))
}
