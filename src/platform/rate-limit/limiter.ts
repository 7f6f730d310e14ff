import { within } from '../deadline.ts'
import type { Installation } from '../installation/installation-id.ts'
import type { Logger } from '../logging/logging.ts'
import { connectRedis } from '../redis/index.ts'
import { errorMessage } from '../thrown.ts'
import type { BucketRule, Decision } from './bucket.ts'
import { createProcessBuckets } from './in-process.ts'
import { redisBuckets } from './redis-bucket.ts'

export interface RateLimiter {
  /** Takes a token from the bucket `key`. Never rejects; waits for Redis at most `maxWaitMs`. */
  take(key: string, rule: BucketRule): Decision | Promise<Decision>
  /** True while tokens are counted in the configured store; false also before the first connection. */
  available(): boolean
  /** True once Redis is known to be unreachable; each process then counts in its own memory. */
  lost(): boolean
  close(): void
}

export interface RateLimiterOptions {
  redisUrl: string | undefined
  log: Logger
  /** Every key contains the installation's id, so that installations on one Redis share no bucket. */
  installation: Installation
}

/** The time after which Redis counts as unreachable: a rate limit must not slow responses down. */
export const maxWaitMs = 250
const probeEveryMs = 500

export function createRateLimiter(options: RateLimiterOptions): RateLimiter {
  const { redisUrl } = options
  return redisUrl === undefined ? inProcess() : onRedis(options, redisUrl)
}

function inProcess(): RateLimiter {
  const buckets = createProcessBuckets()
  return {
    take: (key, rule) => buckets.take(key, rule),
    available: () => true,
    lost: () => false,
    close: () => undefined,
  }
}

function onRedis({ log, installation }: RateLimiterOptions, redisUrl: string): RateLimiter {
  const local = createProcessBuckets()
  let store: ReturnType<typeof connect> | undefined
  let unavailable = false
  let probe: NodeJS.Timeout | undefined
  let closed = false
  // Set once a connection has ended; the first attempt to connect does not count as a loss.
  let lost = false

  // Connects at the first use: worker processes create a limiter, too, but never use it.
  function connect() {
    // No queue and no repeated commands: a call that Redis may have counted must not be counted again.
    const redis = connectRedis(redisUrl, {
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
    })
    redis.on('error', (error: Error) =>
      log.debug({ reason: error.message }, 'rate limit store connection lost'),
    )
    redis.on('close', () => {
      lost = true
    })
    redis.on('ready', () => {
      lost = false
    })
    return { redis, take: redisBuckets(redis) }
  }

  function useProcessBuckets(error: unknown): void {
    if (unavailable || closed) return
    unavailable = true
    log.warn({ reason: errorMessage(error) }, 'Redis is unreachable: rate limits are counted in this process')
    probe = setTimeout(probeRedis, probeEveryMs)
  }

  function probeRedis(): void {
    within(maxWaitMs, Promise.resolve(store?.redis.ping()), 'Redis').then(
      () => {
        unavailable = false
        if (!closed) log.info('rate limits are counted in Redis again')
      },
      () => {
        if (!closed) probe = setTimeout(probeRedis, probeEveryMs)
      },
    )
  }

  function usable() {
    if (closed) return undefined
    store ??= connect()
    const id = installation.id()
    if (unavailable || store.redis.status !== 'ready' || id === undefined) return undefined
    return { take: store.take, keyOf: (key: string) => `capstan-${id}-limit:${key}` }
  }

  return {
    available: () => usable() !== undefined,
    lost: () => usable() === undefined && (unavailable || lost),
    async take(key, rule) {
      const redis = usable()
      if (redis === undefined) return local.take(key, rule)
      try {
        const decision = await within(maxWaitMs, redis.take(redis.keyOf(key), rule), 'Redis')
        // Keeps an outage of Redis from granting a second burst to callers at their limit.
        local.set(key, decision)
        return decision
      } catch (error) {
        useProcessBuckets(error)
        return local.take(key, rule)
      }
    },
    close() {
      closed = true
      clearTimeout(probe)
      store?.redis.disconnect()
    },
  }
}
