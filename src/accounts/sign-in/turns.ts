import { unavailable } from '../../platform/errors.ts'

/** Runs tasks of the same key one after the other, in order of arrival, and those of different keys beside each other. */
export type Turns = <T>(key: string, task: () => Promise<T>) => Promise<T>

/**
 * Nothing is kept of a key without tasks.
 * @param most tasks of one key that may run and wait; more are refused with SYS_002
 */
export function createTurns(most: number): Turns {
  const lines = new Map<string, { last: Promise<unknown>; length: number }>()
  return async (key, task) => {
    const line = lines.get(key) ?? { last: Promise.resolve(), length: 0 }
    if (line.length >= most) throw unavailable('Too many sign-ins at this moment', { retryAfter: 2 })
    lines.set(key, line)
    line.length += 1
    const mine = line.last.then(task)
    // The next one runs however this one ends.
    line.last = mine.catch(() => undefined)
    try {
      return await mine
    } finally {
      line.length -= 1
      if (line.length === 0) lines.delete(key)
    }
  }
}
