import { type BucketRule, type BucketState, type Decision, levelOf, micro } from './bucket.ts'

/** Token buckets in the memory of this process. */
export interface ProcessBuckets {
  /** Takes one token; a refused call costs nothing. */
  take(key: string, rule: BucketRule): Decision
  /** The state that `take` would find; takes no token. */
  peek(key: string, rule: BucketRule): Decision
  /** Sets a bucket to the state that another store has returned. */
  set(key: string, decision: Decision): void
  readonly size: number
}

/**
 * The number of buckets above which the least recently used are dropped: a flood of addresses must not fill the memory.
 */
export const maxBuckets = 50_000

/** @param now a monotonic clock, in microseconds */
export function createProcessBuckets(now: () => number = monotonicMicros): ProcessBuckets {
  // Two generations: a bucket unused for one generation is dropped with it, without a sweep over all buckets.
  let recent = new Map<string, BucketState>()
  let older = new Map<string, BucketState>()

  function find(key: string): BucketState | undefined {
    const found = recent.get(key)
    if (found !== undefined) return found
    const aged = older.get(key)
    if (aged !== undefined) keep(key, aged)
    return aged
  }

  function keep(key: string, state: BucketState): void {
    recent.set(key, state)
    if (recent.size <= maxBuckets / 2) return
    older = recent
    recent = new Map()
  }

  return {
    peek(key, rule) {
      const microTokens = levelOf(find(key), rule, now())
      return { allowed: microTokens >= micro, microTokens, rule }
    },
    take(key, rule) {
      const atMicros = now()
      const found = levelOf(find(key), rule, atMicros)
      if (found < micro) return { allowed: false, microTokens: found, rule }
      const microTokens = found - micro
      keep(key, { microTokens, atMicros })
      return { allowed: true, microTokens, rule }
    },
    set: (key, { microTokens }) => keep(key, { microTokens, atMicros: now() }),
    get size() {
      return recent.size + older.size
    },
  }
}

const monotonicMicros = () => Math.floor(performance.now() * 1000)
