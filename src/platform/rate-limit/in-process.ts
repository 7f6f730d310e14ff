import { type BucketRule, type BucketState, type Decision, levelOf, micro, microsUntil } from './bucket.ts'

/** Buckets of this process only. A full bucket is forgotten: it is the same as none. */
export interface ProcessBuckets {
  /** Takes one token; a refused call changes nothing. */
  take(key: string, rule: BucketRule): Decision
  /** What `take` would find. */
  look(key: string, rule: BucketRule): Decision
  /** Goes on from what another store said, without taking. */
  set(key: string, decision: Decision): void
  readonly size: number
}

/** Beyond this the least recently used go: a flood of addresses must not fill the memory. */
const maxBuckets = 50_000

interface Kept extends BucketState {
  fullAtMicros: number
}

/** @param now a clock that never goes back, in microseconds */
export function createProcessBuckets(now: () => number = monotonicMicros): ProcessBuckets {
  const buckets = new Map<string, Kept>()
  let sweepAt = 1000

  function keep(key: string, at: number, decision: Decision): void {
    const { microTokens, rule } = decision
    const fullAtMicros = at + microsUntil(rule.burst * micro, decision)
    // Deleted first: the map's order is then the order of use.
    buckets.delete(key)
    buckets.set(key, { microTokens, atMicros: at, fullAtMicros })
    if (buckets.size > sweepAt) sweep(at)
  }

  function sweep(at: number): void {
    for (const [key, bucket] of buckets) if (bucket.fullAtMicros <= at) buckets.delete(key)
    for (const key of buckets.keys()) {
      if (buckets.size <= maxBuckets) break
      buckets.delete(key)
    }
    // Next when it has doubled: a sweep costs as much as the calls since the last one.
    sweepAt = Math.min(maxBuckets, Math.max(1000, buckets.size * 2))
  }

  function look(key: string, rule: BucketRule): Decision {
    const microTokens = levelOf(buckets.get(key), rule, now())
    return { allowed: microTokens >= micro, microTokens, rule }
  }

  return {
    look,
    take(key, rule) {
      const at = now()
      const found = levelOf(buckets.get(key), rule, at)
      if (found < micro) return { allowed: false, microTokens: found, rule }
      const decision = { allowed: true, microTokens: found - micro, rule }
      keep(key, at, decision)
      return decision
    },
    set: (key, decision) => keep(key, now(), decision),
    get size() {
      return buckets.size
    },
  }
}

const monotonicMicros = () => Math.floor(performance.now() * 1000)
