/** A token bucket's rule, in whole numbers: `perSecond` tokens come back a second, up to `burst`. */
export interface BucketRule {
  perSecond: number
  burst: number
}

/** What a call left in its bucket, in millionths of a token; whether it was let through. */
export interface Decision {
  allowed: boolean
  microTokens: number
  rule: BucketRule
}

/**
 * Millionths of tokens and of seconds: `perSecond` millionths of a token come back every microsecond, so that the
 * arithmetic is in whole numbers, exact, and the same here and in Lua.
 */
export const micro = 1_000_000

export interface BucketState {
  microTokens: number
  atMicros: number
}

/** What is in a bucket at a time. A clock that goes back adds nothing; a capacity that was lowered cuts. */
export function levelOf(state: BucketState | undefined, rule: BucketRule, nowMicros: number): number {
  const capacity = rule.burst * micro
  if (state === undefined) return capacity
  const elapsed = Math.max(0, nowMicros - state.atMicros)
  return Math.min(capacity, state.microTokens + elapsed * rule.perSecond)
}

/** Microseconds until the bucket holds this much. */
export function microsUntil(
  microTokens: number,
  { microTokens: now, rule }: Omit<Decision, 'allowed'>,
): number {
  return Math.max(0, Math.ceil((microTokens - now) / rule.perSecond))
}
