import { z } from 'zod'
import { settingGroup } from './settings.ts'

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

const limits = settingGroup('Rate limits', ['web'])

export const rateLimitVariables = z.object({
  DEFAULT_RATE_LIMIT_PER_SECOND: limits(perSecond(10), 'initial rate of a new user, stored with the user', {
    unit: 'requests per second',
  }),
  DEFAULT_RATE_LIMIT_BURST: limits(burst(20), 'initial burst of a new user', { unit: 'requests' }),
  ADMIN_RATE_LIMIT_PER_SECOND: limits(perSecond(100), 'initial rate of a new administrator', {
    unit: 'requests per second',
    usedBy: ['web', 'migrate', 'commands'],
  }),
  ADMIN_RATE_LIMIT_BURST: limits(burst(200), 'initial burst of a new administrator', {
    unit: 'requests',
    usedBy: ['web', 'migrate', 'commands'],
  }),
  RATE_LIMIT_FORWARDED_PER_SECOND: limits(
    perSecond(100),
    'rate of an identity that a trusted proxy forwards',
    { unit: 'requests per second' },
  ),
  RATE_LIMIT_FORWARDED_BURST: limits(burst(500), 'burst of an identity that a trusted proxy forwards', {
    unit: 'requests',
  }),
  RATE_LIMIT_ADDRESS_PER_SECOND: limits(
    perSecond(50),
    'rate of an address that sends requests without a valid credential',
    { unit: 'requests per second' },
  ),
  RATE_LIMIT_ADDRESS_BURST: limits(
    burst(200),
    'burst of an address that sends requests without a valid credential',
    { unit: 'requests' },
  ),
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
