/** Milliseconds after the first line in which repetitions are counted, and the length of all later intervals. */
const firstIntervalMs = 10_000
const intervalMs = 60_000
/** Lines with different causes that are watched at a time; further ones are written as they come. */
const mostWatched = 1000

/** Writes a line that stands for `count` others like it. */
type Summarise = (repeated: { count: number; seconds: number }) => void

export interface LogRepetitions {
  /** Whether to write a line. Further ones with its key are counted, and summarised at the end of each interval. */
  isFirst(key: string, summarise: Summarise): boolean
  /** Summarises what was counted so far, because the process ends. */
  flush(): void
}

interface Watched {
  count: number
  since: number
  summarise: Summarise
}

export function createLogRepetitions(now: () => number = () => performance.now()): LogRepetitions {
  const watched = new Map<string, Watched>()

  function summarise(each: Watched): void {
    if (each.count === 0) return
    const seconds = Math.max(1, Math.round((now() - each.since) / 1000))
    each.summarise({ count: each.count, seconds })
  }

  function endInterval(key: string, each: Watched): void {
    summarise(each)
    // Quiet for a whole interval: the next line is news again.
    if (each.count === 0) {
      watched.delete(key)
      return
    }
    each.count = 0
    each.since = now()
    setTimeout(() => endInterval(key, each), intervalMs).unref()
  }

  return {
    isFirst(key, line) {
      const before = watched.get(key)
      if (before !== undefined) {
        before.count += 1
        before.summarise = line
        return false
      }
      if (watched.size >= mostWatched) return true
      const each = { count: 0, since: now(), summarise: line }
      watched.set(key, each)
      setTimeout(() => endInterval(key, each), firstIntervalMs).unref()
      return true
    },
    flush() {
      for (const each of watched.values()) summarise(each)
      watched.clear()
    },
  }
}

/** Fields that tell one thing that failed from another. All others differ between lines with one cause. */
const identity = [
  'jobId',
  'deploymentId',
  'app',
  'environment',
  'account',
  'userId',
  // Who caused the line: an attempt to break in from each address must be seen.
  'address',
  'principal',
  'script',
  'child',
] as const

/**
 * What lines with one cause have in common; undefined for lines that are written every time: each internal error is
 * looked up by its own correlation id.
 */
export function repetitionKey(
  level: number,
  fields: Record<string, unknown>,
  text: string,
): string | undefined {
  if (fields.code === 'SYS_001') return undefined
  const { err } = fields
  const cause = err instanceof Error ? [err.name, err.message] : []
  return JSON.stringify([
    level,
    text,
    fields.code,
    fields.reason,
    cause,
    identity.map((name) => fields[name]),
  ])
}
