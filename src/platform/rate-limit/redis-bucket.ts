import type { Cluster, Redis } from 'ioredis'
import type { BucketRule, Decision } from './bucket.ts'

/**
 * The bucket as one script, which makes the read and the write atomic. The clock is Redis' own, so that web processes
 * need not agree on the time. A refused call writes no state. A bucket expires once it is full again. The script uses
 * one key, as a Redis Cluster requires.
 */
const script = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local rate = tonumber(ARGV[1])
local capacity = ARGV[2] * 1000000
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = capacity
if kept[1] then
  tokens = math.min(capacity, kept[1] + math.max(0, now - kept[2]) * rate)
end
local allowed = 0
if tokens >= 1000000 then
  allowed = 1
  tokens = tokens - 1000000
  redis.call('HSET', KEYS[1], 'tokens', string.format('%.0f', tokens), 'at', string.format('%.0f', now))
end
redis.call('PEXPIRE', KEYS[1], math.ceil((capacity - tokens) / rate / 1000) + 1000)
return {allowed, tokens}
`

type WithScript = (Redis | Cluster) & {
  takeToken(key: string, perSecond: number, burst: number): Promise<[number, number]>
}

/** @returns a function that takes a token from the bucket at `key`; rejects if Redis does not respond */
export function redisBuckets(redis: Redis | Cluster) {
  redis.defineCommand('takeToken', { numberOfKeys: 1, lua: script })
  const client = redis as WithScript
  return async (key: string, rule: BucketRule): Promise<Decision> => {
    const [allowed, microTokens] = await client.takeToken(key, rule.perSecond, rule.burst)
    return { allowed: allowed === 1, microTokens, rule }
  }
}
