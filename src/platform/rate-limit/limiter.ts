import { within } from '../deadline.ts'
import type { Installation } from '../installation/installation-id.ts'
import type { Logger } from '../logging/logging.ts'
import { connectRedis } from '../redis/index.ts'
import { errorMessage } from '../thrown.ts'
import type { BucketRule, Decision } from './bucket.ts'
import { createProcessBuckets } from './in-process.ts'
import { redisBuckets } from './redis-bucket.ts'

export interface RateLimiter {
  /** Takes a token of the bucket named `key`. Never rejects, and waits for Redis no longer than `maxWaitMs`. */
  take(key: string, rule: BucketRule): Decision | Promise<Decision>
  /** Whether calls are counted where they should be; false also until the first connection is made. */
  available(): boolean
  /** True once Redis is known to be away: every process then counts for itself. */
  lost(): boolean
  close(): void
}

export interface RateLimiterOptions {
  redisUrl: string | undefined
  log: Logger
  /** Its id is in every key: installations on one Redis never share a bucket. */
  installation: Installation
}

/** A Redis that needs longer is as good as away: a limit is not worth a slow answer. */
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
  let away = false
  let probe: NodeJS.Timeout | undefined
  let closed = false
  // Known once a connection has ended: one that is still being made says nothing.
  let lost = false

  // At the first use: a worker process has the limiter, too, and never asks it.
  function connect() {
    // Nothing waits in a line and nothing is sent twice: a call that Redis may have counted is not counted again.
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

  function leave(error: unknown): void {
    if (away || closed) return
    away = true
    log.warn({ reason: errorMessage(error) }, 'rate limits are counted in this process: Redis is away')
    probe = setTimeout(look, probeEveryMs)
  }

  function look(): void {
    within(maxWaitMs, Promise.resolve(store?.redis.ping()), 'Redis').then(
      () => {
        away = false
        if (!closed) log.info('rate limits are counted in Redis again')
      },
      () => {
        if (!closed) probe = setTimeout(look, probeEveryMs)
      },
    )
  }

  function usable() {
    if (closed) return undefined
    store ??= connect()
    const id = installation.id()
    if (away || store.redis.status !== 'ready' || id === undefined) return undefined
    return { take: store.take, keyOf: (key: string) => `capstan-${id}-limit:${key}` }
  }

  return {
    available: () => usable() !== undefined,
    lost: () => usable() === undefined && (away || lost),
    async take(key, rule) {
      const redis = usable()
      if (redis === undefined) return local.take(key, rule)
      try {
        const decision = await within(maxWaitMs, redis.take(redis.keyOf(key), rule), 'Redis')
        // So that an outage is no second burst for those who are at their limit.
        local.set(key, decision)
        return decision
      } catch (error) {
        leave(error)
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
