import { z } from 'zod'

/** The tokens per second and the capacity of the buckets of one kind of caller. */
export interface RateLimitRule {
  perSecond: number
  burst: number
}

export interface RateLimitConfig {
  /** The limits of new users, by role. Existing users have their limits in their row. */
  user: RateLimitRule
  admin: RateLimitRule
  forwarded: RateLimitRule
  /** Callers without a credential, by address. */
  address: RateLimitRule
}

/** The largest values: more than needed, and small enough for exact arithmetic. */
export const rateLimitBounds = { perSecond: 10_000, burst: 100_000 }

const wholeNumber = (max: number, fallback: number) => {
  const problem = `expected a whole number from 1 to ${max}`
  return z.coerce.number(problem).int(problem).min(1, problem).max(max, problem).default(fallback)
}
/** A variable with tokens per second. */
export const perSecond = (fallback: number) => wholeNumber(rateLimitBounds.perSecond, fallback)
/** A variable with the capacity of a bucket. */
export const burst = (fallback: number) => wholeNumber(rateLimitBounds.burst, fallback)

export const rateLimitVariables = z.object({
  DEFAULT_RATE_LIMIT_PER_SECOND: perSecond(10),
  DEFAULT_RATE_LIMIT_BURST: burst(20),
  ADMIN_RATE_LIMIT_PER_SECOND: perSecond(100),
  ADMIN_RATE_LIMIT_BURST: burst(200),
  RATE_LIMIT_FORWARDED_PER_SECOND: perSecond(100),
  RATE_LIMIT_FORWARDED_BURST: burst(500),
  RATE_LIMIT_ADDRESS_PER_SECOND: perSecond(50),
  RATE_LIMIT_ADDRESS_BURST: burst(200),
})
type Variables = z.infer<typeof rateLimitVariables>

export function rateLimitConfig(vars: Variables): RateLimitConfig {
  return {
    user: { perSecond: vars.DEFAULT_RATE_LIMIT_PER_SECOND, burst: vars.DEFAULT_RATE_LIMIT_BURST },
    admin: { perSecond: vars.ADMIN_RATE_LIMIT_PER_SECOND, burst: vars.ADMIN_RATE_LIMIT_BURST },
    forwarded: { perSecond: vars.RATE_LIMIT_FORWARDED_PER_SECOND, burst: vars.RATE_LIMIT_FORWARDED_BURST },
    address: { perSecond: vars.RATE_LIMIT_ADDRESS_PER_SECOND, burst: vars.RATE_LIMIT_ADDRESS_BURST },
  }
}
