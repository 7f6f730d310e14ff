import { unavailable } from '../../platform/errors.ts'

/** Runs tasks of the same key one after the other, in order of arrival, and tasks of different keys concurrently. */
export type Turns = <T>(key: string, task: () => Promise<T>) => Promise<T>

/**
 * Creates the queues of tasks by key. A key without tasks uses no memory.
 * @param maxTasks limit of running and waiting tasks per key; further ones are refused with SYS_002
 */
export function createTurns(maxTasks: number): Turns {
  const lines = new Map<string, { last: Promise<unknown>; length: number }>()
  return async (key, task) => {
    const line = lines.get(key) ?? { last: Promise.resolve(), length: 0 }
    if (line.length >= maxTasks) throw unavailable('Too many concurrent sign-ins', { retryAfter: 2 })
    lines.set(key, line)
    line.length += 1
    const result = line.last.then(task)
    // The next task runs even if this one fails.
    line.last = result.catch(() => undefined)
    try {
      return await result
    } finally {
      line.length -= 1
      if (line.length === 0) lines.delete(key)
    }
  }
}
