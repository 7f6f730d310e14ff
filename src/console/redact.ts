import { maskSecrets } from '../platform/logging/redact.ts'

/** The options of a delivery that are shown to operators. */
const shownOptions = new Set(['attempts', 'delay', 'jobId', 'priority', 'timestamp', 'prevMillis', 'repeat'])
/** The data fields of our deliveries; any other field is removed. */
const shownData = new Set(['job', 'schedule'])

/**
 * Redacts a Bull Board response by allow-list: data and options keep only harmless fields, stack traces and return
 * values are removed, and secrets in all other texts (failure reasons, log lines, progress) are masked.
 */
export function redact(value: unknown, key = ''): unknown {
  if (key === 'stacktrace') return []
  if (key === 'returnValue' || key === 'returnvalue') return null
  // An array of numbers with this name contains a queue's metrics.
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
