import { setTimeout as delay } from 'node:timers/promises'

/**
 * Rejects when `work` takes longer than `ms`. For clients that take no signal; the work itself goes on, so only
 * for calls that may be repeated.
 */
export async function within<T>(ms: number, work: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not answer within ${ms} ms`)), ms)
  })
  // Whoever loses the race must not become an unhandled rejection.
  work.catch(() => undefined)
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Resolves after `ms`, or rejects with the signal's reason. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  // The timer would reject with an error of its own; callers tell the reasons of their signals apart.
  await delay(ms, undefined, { signal }).catch(() => signal?.throwIfAborted())
}
