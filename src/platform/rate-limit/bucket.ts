/** The rule of a token bucket, in whole numbers: `perSecond` tokens are added per second, up to `burst`. */
export interface BucketRule {
  perSecond: number
  burst: number
}

/** The result of a call: whether it is allowed, and the millionths of a token left in the bucket. */
export interface Decision {
  allowed: boolean
  microTokens: number
  rule: BucketRule
}

/**
 * The unit of tokens and of seconds, a millionth: `perSecond` millionths of a token are added every microsecond. The
 * arithmetic is therefore in whole numbers, exact, and the same in JavaScript and Lua.
 */
export const micro = 1_000_000

export interface BucketState {
  microTokens: number
  atMicros: number
}

/** The content of a bucket at a time. A clock that goes back adds nothing; a lowered capacity caps the content. */
export function levelOf(state: BucketState | undefined, rule: BucketRule, nowMicros: number): number {
  const capacity = rule.burst * micro
  if (state === undefined) return capacity
  const elapsed = Math.max(0, nowMicros - state.atMicros)
  return Math.min(capacity, state.microTokens + elapsed * rule.perSecond)
}

/** The microseconds until the bucket contains this amount. */
export function microsUntil(
  microTokens: number,
  { microTokens: now, rule }: Omit<Decision, 'allowed'>,
): number {
  return Math.max(0, Math.ceil((microTokens - now) / rule.perSecond))
}
