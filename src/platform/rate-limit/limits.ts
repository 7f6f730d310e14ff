import type { ServerResponse } from 'node:http'
import type { Principal } from '../auth.ts'
import { CodedError } from '../errors.ts'
import { network } from './address.ts'
import type { BucketRule } from './bucket.ts'
import { retryAfterSeconds, tellLimit } from './headers.ts'
import type { RateLimiter } from './limiter.ts'

/** The one gate in front of routes, pages and sockets. */
export interface RateLimits {
  /**
   * Takes a token of the principal's bucket, or of the address's for who shows no credential, and puts the bucket's
   * state into the answer's headers. @throws SYS_003 when it is empty
   */
  charge(payer: { principal: Principal } | { address: string }, res?: ServerResponse): Promise<void>
}

export function createRateLimits(limiter: RateLimiter, rules: { address: BucketRule }): RateLimits {
  return {
    async charge(payer, res) {
      const decision =
        'principal' in payer
          ? await limiter.take(payer.principal.id, payer.principal.rateLimit)
          : await limiter.take(`address:${network(payer.address)}`, rules.address)
      if (res !== undefined) tellLimit(res, decision)
      if (decision.allowed) return
      throw new CodedError('SYS_003', 'Rate limit exceeded', { retryAfter: retryAfterSeconds(decision) })
    },
  }
}
