import { setTimeout as delay } from 'node:timers/promises'

/**
 * Rejects if `work` takes longer than `ms`. For clients that accept no signal. The work itself continues, so this is
 * only for calls that may be repeated.
 * @param what the subject of the error message: `the database`
 */
export async function within<T>(ms: number, work: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not answer within ${ms} ms`)), ms)
  })
  // A rejection after the time limit must not become an unhandled rejection.
  work.catch(() => undefined)
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Resolves after `ms`; rejects with the signal's reason if it is aborted before. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  // The timer rejects with its own error, but callers distinguish the reasons of their signals.
  await delay(ms, undefined, { signal }).catch(() => signal?.throwIfAborted())
}
