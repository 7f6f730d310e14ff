import { type Decision, micro, microsUntil } from './bucket.ts'

/** A response, or an object that collects headers until the response is written. */
export interface HeaderSink {
  setHeader(name: string, value: string | number): unknown
}

/**
 * Describes the caller's bucket: `X-RateLimit-*` (tokens per second, whole tokens left, the Unix second in which the
 * bucket is full again) and the two fields of draft-ietf-httpapi-ratelimit-headers (capacity and the seconds to fill
 * it; tokens left and the seconds until the next one).
 */
export function setRateLimitHeaders(res: HeaderSink, decision: Decision): void {
  const { microTokens, rule } = decision
  const remaining = Math.floor(microTokens / micro)
  const fullInMicros = microsUntil(rule.burst * micro, decision)
  const nextInMicros = remaining >= rule.burst ? 0 : microsUntil((remaining + 1) * micro, decision)
  res.setHeader('X-RateLimit-Limit', rule.perSecond)
  res.setHeader('X-RateLimit-Remaining', remaining)
  res.setHeader('X-RateLimit-Reset', Math.ceil((Date.now() * 1000 + fullInMicros) / micro))
  res.setHeader('RateLimit-Policy', `"default";q=${rule.burst};w=${Math.ceil(rule.burst / rule.perSecond)}`)
  res.setHeader('RateLimit', `"default";r=${remaining};t=${Math.ceil(nextInMicros / micro)}`)
}

/** The whole seconds, at least one, until a refused caller has a token. */
export function retryAfterSeconds(decision: Decision): number {
  return Math.max(1, Math.ceil(microsUntil(micro, decision) / micro))
}
