import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { installationNamed } from '../../../src/platform/installation/installation-id.ts'
import { micro } from '../../../src/platform/rate-limit/bucket.ts'
import { maxBuckets } from '../../../src/platform/rate-limit/in-process.ts'
import {
  type BucketRule,
  createProcessBuckets,
  createRateLimiter,
} from '../../../src/platform/rate-limit/index.ts'
import { maxWaitMs } from '../../../src/platform/rate-limit/limiter.ts'
import { type OwnRedis, startOwnRedis } from '../../e2e/support/own-redis.ts'
import { backends, silent } from '../../helpers/context.ts'
import { until } from '../../helpers/until.ts'

/**
 * The ideal bucket, told by its effect instead of by a level: a call may pass exactly when no stretch of time that
 * ends now has seen more calls pass than `burst` and what came back during it.
 */
function idealPasses(rule: BucketRule, passed: number[], at: number): boolean {
  const starts = [at, ...passed]
  return starts.every((start) => {
    const within = passed.filter((each) => each >= start).length
    return (within + 1) * micro <= rule.burst * micro + rule.perSecond * (at - start)
  })
}

const rules = fc.record({
  perSecond: fc.integer({ min: 1, max: 500 }),
  burst: fc.integer({ min: 1, max: 40 }),
})
const gaps = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 300_000 })), { maxLength: 120 })

describe('a bucket in process', () => {
  it('allows exactly the calls that the ideal bucket allows', () => {
    fc.assert(
      fc.property(rules, gaps, (rule, waits) => {
        let now = 5_000_000
        const buckets = createProcessBuckets(() => now)
        const passed: number[] = []
        for (const wait of waits) {
          now += wait
          const ideal = idealPasses(rule, passed, now)
          expect(buckets.take('a', rule).allowed).toBe(ideal)
          if (ideal) passed.push(now)
        }
      }),
    )
  })

  it('applies a changed rule at once: capacity and rate', () => {
    let now = 0
    const buckets = createProcessBuckets(() => now)
    for (let call = 0; call < 20; call += 1) buckets.take('a', { perSecond: 1, burst: 100 })
    expect(buckets.peek('a', { perSecond: 1, burst: 100 }).microTokens).toBe(80 * micro)
    expect(buckets.take('a', { perSecond: 1, burst: 2 }).microTokens).toBe(1 * micro)
    now += 100_000
    expect(buckets.peek('a', { perSecond: 50, burst: 100 }).microTokens).toBe(6 * micro)
  })

  it('the number of buckets is bounded, and used buckets are kept', () => {
    const rule = { perSecond: 1, burst: 5 }
    const buckets = createProcessBuckets(() => 0)
    for (let call = 0; call < 5; call += 1) buckets.take('busy', rule)
    for (let each = 0; each < 4 * maxBuckets; each += 1) {
      buckets.take(`address:${each}`, rule)
      if (each % 1000 === 0) expect(buckets.take('busy', rule).allowed).toBe(false)
    }
    expect(buckets.size).toBeLessThanOrEqual(maxBuckets + 2)
    expect(buckets.peek('address:0', rule).microTokens).toBe(5 * micro)
  })
})

interface Passed {
  startedAt: number
  endedAt: number
}

/** Fifty callers that ask again as soon as they are answered. @returns the calls that passed, in order. */
async function hammer(take: (caller: number) => Promise<boolean>, forMs: number): Promise<Passed[]> {
  const passed: Passed[] = []
  const endAt = performance.now() + forMs
  const caller = async (number: number) => {
    while (performance.now() < endAt) {
      const startedAt = performance.now()
      if (await take(number)) passed.push({ startedAt, endedAt: performance.now() })
      // Else one caller in process would never let another have its turn.
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  await Promise.all(Array.from({ length: 50 }, (_, number) => caller(number)))
  return passed
}

describe.each(backends())('fifty parallel callers on %s', (backend) => {
  const redisUrl = backend === 'redis' ? inject('redisUrl') : undefined
  const installation = installationNamed(randomUUID())
  // Two web processes share a bucket on Redis; without it each has its own.
  const limiters = [1, 2].map(() => createRateLimiter({ redisUrl, log: silent, installation }))
  beforeAll(() => until(() => limiters.every((each) => each.available())))
  afterAll(() => {
    for (const each of limiters) each.close()
  })

  it('exceed the ideal bucket by at most one token and get all its tokens', async () => {
    const rule = { perSecond: 80, burst: 30 }
    const startedAt = performance.now()
    let calledAt = startedAt
    let pausedMs = 0
    const passed = await hammer(async (caller) => {
      // On a busy machine the callers pause for longer than a full bucket lasts, and take nothing meanwhile.
      pausedMs += Math.max(0, performance.now() - calledAt - 50)
      calledAt = performance.now()
      const limiter = limiters[backend === 'redis' ? caller % 2 : 0]
      return (await limiter?.take('user:hammered', rule))?.allowed ?? false
    }, 1500)
    const seconds = (performance.now() - startedAt) / 1000
    expect(limiters.every((each) => each.available())).toBe(true)
    const byEnd = passed.toSorted((a, b) => a.endedAt - b.endedAt)
    let worst = 0
    byEnd.forEach((first, from) => {
      byEnd.slice(from).forEach((last, index) => {
        const ideal = rule.burst + (rule.perSecond * (last.endedAt - first.startedAt)) / 1000
        worst = Math.max(worst, index + 1 - ideal)
      })
    })
    expect(worst).toBeLessThanOrEqual(1)
    // Refused calls are free: but for pauses of the callers nothing of the supply is lost.
    expect(passed.length).toBeGreaterThan(rule.burst + rule.perSecond * (seconds - pausedMs / 1000) - 10)
  })

  it('are counted separately by key', async () => {
    const rule = { perSecond: 1, burst: 1 }
    const allowed = async (key: string) => (await limiters[0]?.take(key, rule))?.allowed
    expect([await allowed('user:a'), await allowed('user:b')]).toEqual([true, true])
    expect([await allowed('user:a'), await allowed('user:b')]).toEqual([false, false])
  })
})

describe.skipIf(inject('redisUrl') === undefined)('a bucket on Redis', () => {
  let own: OwnRedis
  let redis: Redis
  beforeAll(async () => {
    own = await startOwnRedis()
    redis = new Redis(own.url, { retryStrategy: () => 20 })
    redis.on('error', () => undefined)
  })
  afterAll(async () => {
    redis?.disconnect()
    await own?.dispose()
  })

  const key = 'capstan-one-limit:user:a'
  async function started() {
    const limiter = createRateLimiter({
      redisUrl: own.url,
      log: silent,
      installation: installationNamed('one'),
    })
    await until(() => limiter.available())
    await redis.flushall()
    return limiter
  }

  it('is unchanged by refused calls and expires when it is full again', async () => {
    const limiter = await started()
    const rule = { perSecond: 1, burst: 3 }
    for (let call = 0; call < 3; call += 1) expect((await limiter.take('user:a', rule)).allowed).toBe(true)
    const before = await redis.hgetall(key)
    const refused = await limiter.take('user:a', rule)
    expect(refused.allowed).toBe(false)
    expect(refused.microTokens).toBeLessThan(micro)
    expect(await redis.hgetall(key)).toEqual(before)
    const left = await redis.pttl(key)
    expect(left).toBeGreaterThan(2000)
    expect(left).toBeLessThanOrEqual(4000)
    limiter.close()
  })

  it('is exact: whole millionths, and a clock that goes back adds nothing', async () => {
    const limiter = await started()
    const rule = { perSecond: 7, burst: 1000 }
    await limiter.take('user:a', rule)
    const { tokens, at } = await redis.hgetall(key)
    expect([tokens, at]).toEqual([expect.stringMatching(/^\d+$/), expect.stringMatching(/^\d{16}$/)])
    await redis.hset(key, { tokens: 5 * micro, at: String(Number(at) + 60_000_000) })
    expect((await limiter.take('user:a', rule)).microTokens).toBe(4 * micro)
    limiter.close()
  })

  it('is replaced by one in process while Redis is unreachable, without an error, a delay or a second burst', async () => {
    const limiter = await started()
    const rule = { perSecond: 1, burst: 10 }
    for (let call = 0; call < 8; call += 1) await limiter.take('user:a', rule)
    await own.stop()
    const startedAt = performance.now()
    const decisions = await Promise.all(Array.from({ length: 50 }, () => limiter.take('user:a', rule)))
    expect(performance.now() - startedAt).toBeLessThan(maxWaitMs + 1500)
    const passed = decisions.filter((each) => each.allowed).length
    expect(passed).toBeGreaterThanOrEqual(2)
    expect(passed).toBeLessThanOrEqual(5)
    expect(limiter.available()).toBe(false)
    await own.start()
    await until(() => limiter.available())
    await limiter.take('user:a', rule)
    expect(await redis.exists(key)).toBe(1)
    limiter.close()
  })

  it('does not delay calls while Redis hangs', async () => {
    const limiter = await started()
    const rule = { perSecond: 100, burst: 100 }
    await redis.call('CLIENT', 'PAUSE', '2000', 'ALL')
    const first = performance.now()
    expect((await limiter.take('user:a', rule)).allowed).toBe(true)
    expect(performance.now() - first).toBeLessThan(maxWaitMs + 1000)
    expect(limiter.available()).toBe(false)
    // Nobody waits after the first one has found out.
    const second = performance.now()
    for (let call = 0; call < 50; call += 1) await limiter.take('user:a', rule)
    expect(performance.now() - second).toBeLessThan(maxWaitMs)
    await until(() => limiter.available())
    limiter.close()
  })
})
