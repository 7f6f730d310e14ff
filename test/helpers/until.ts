import { setTimeout as delay } from 'node:timers/promises'

/** Milliseconds between two polls. They grow with the time waited, since each poll costs what the tests wait for. */
const pauseMs = { first: 10, share: 0.05, most: 100 }

/**
 * Polls until `condition` returns a truthy value, and returns that value.
 * @throws after `timeoutMs` (10 s), with the last error that the condition threw, if any
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  options: { timeoutMs?: number; what?: string } = {},
): Promise<Exclude<T, undefined | null | false | 0 | ''>> {
  const { timeoutMs = 10_000, what = condition.toString() } = options
  const startedAt = Date.now()
  for (;;) {
    let cause: unknown
    try {
      const value = await condition()
      if (value) return value as Exclude<T, undefined | null | false | 0 | ''>
    } catch (error) {
      cause = error
    }
    const waitedMs = Date.now() - startedAt
    if (waitedMs > timeoutMs) throw new Error(`not within ${timeoutMs} ms: ${what}`, { cause })
    await delay(Math.min(pauseMs.first + waitedMs * pauseMs.share, pauseMs.most))
  }
}

/** @returns false if the work has not ended after `ms`; the work goes on then */
export async function endsWithin(ms: number, work: Promise<unknown> | undefined): Promise<boolean> {
  const waiting = new AbortController()
  const late = delay(ms, false, { signal: waiting.signal, ref: false })
  try {
    return await Promise.race([Promise.resolve(work).then(() => true), late])
  } finally {
    waiting.abort()
    late.catch(() => undefined)
  }
}
