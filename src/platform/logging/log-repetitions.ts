/** The length of the first interval in which repetitions are counted, and of all later ones. */
const firstIntervalMs = 10_000
const intervalMs = 60_000
/** The number of different keys that are watched at a time; lines with further keys are all written. */
const maxWatchedKeys = 1000

/** Writes a line that summarises `count` repetitions. */
type Summarise = (repeated: { count: number; seconds: number }) => void

export interface LogRepetitions {
  /** True if a line should be written. Further lines with its key are counted and summarised after each interval. */
  isFirst(key: string, summarise: Summarise): boolean
  /** Summarises all counted lines before the process ends. */
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
    // No repetition in a whole interval: the next line is written again.
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
      if (watched.size >= maxWatchedKeys) return true
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

/** The fields that identify what failed. All other fields differ between lines with the same cause. */
const identityFields = [
  'jobId',
  'deploymentId',
  'app',
  'environment',
  'account',
  'userId',
  // The client that caused the line: break-in attempts from each address must be visible.
  'address',
  'principal',
  'script',
  'child',
] as const

/**
 * The key shared by lines with the same cause; undefined for lines that are always written: each internal error is
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
    identityFields.map((name) => fields[name]),
  ])
}
