import { maskSecrets } from '../platform/logging/redact.ts'

/** The only options of a delivery that an operator needs to see. */
const shownOptions = new Set(['attempts', 'delay', 'jobId', 'priority', 'timestamp', 'prevMillis', 'repeat'])
/** What our deliveries carry; anything else in a job's data is not ours to show. */
const shownData = new Set(['job', 'schedule'])

/**
 * Redacts a Bull Board answer by allow-list: data and options keep what is known to be harmless, stack traces go,
 * and every other text (failure reasons, log lines, progress, return values) is masked.
 */
export function redact(value: unknown, key = ''): unknown {
  if (key === 'stacktrace') return []
  if (key === 'returnValue' || key === 'returnvalue') return null
  // Numbers under this name are a queue's metrics.
  if (key === 'data' && Array.isArray(value)) return value.filter((each) => typeof each === 'number')
  if (key === 'data' && typeof value === 'string') return '[redacted]'
  if (typeof value === 'string') return maskSecrets(value)
  if (Array.isArray(value)) return value.map((each) => redact(each))
  if (value === null || typeof value !== 'object') return value
  const entries = Object.entries(value)
  const kept =
    key === 'data'
      ? entries.filter(([name, each]) => shownData.has(name) && typeof each === 'string')
      : key === 'opts'
        ? entries.filter(([name]) => shownOptions.has(name))
        : entries
  return Object.fromEntries(kept.map(([name, each]) => [name, redact(each, name)]))
}
