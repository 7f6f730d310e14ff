import { type BucketRule, type BucketState, type Decision, levelOf, micro } from './bucket.ts'

/** Buckets of this process only. */
export interface ProcessBuckets {
  /** Takes one token; a refused call costs nothing. */
  take(key: string, rule: BucketRule): Decision
  /** What `take` would find. */
  look(key: string, rule: BucketRule): Decision
  /** Goes on from what another store said, without taking. */
  set(key: string, decision: Decision): void
  readonly size: number
}

/** Beyond this the least recently used are forgotten: a flood of addresses must not fill the memory. */
export const maxBuckets = 50_000

/** @param now a clock that never goes back, in microseconds */
export function createProcessBuckets(now: () => number = monotonicMicros): ProcessBuckets {
  // Two generations: whoever is not asked for during one is gone after the next, without a sweep over all.
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
    look(key, rule) {
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
