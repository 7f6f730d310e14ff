import { createBatcher } from '../../platform/batcher.ts'
import type { Listener } from '../../platform/events/index.ts'

/** Answers of the database, each remembered for a second. */
export interface Recent<T> {
  /** At once when it is remembered. */
  get(key: string): T | Promise<T>
  /** After a write: nothing that was read before it counts. */
  forget(): void
}

const rememberMs = 1000
const keep = 2000

/**
 * A page of badges, read by many, asks the database once a second, unless writes can't be heard of. Calls at
 * the same time share the round trip, and those of one key the look-up.
 */
export function createRecent<T>(
  lookUp: (keys: string[]) => Promise<T[]>,
  listener: Pick<Listener, 'connected'>,
): Recent<T> {
  const known = new Map<string, { value: T; until: number }>()
  const batcher = createBatcher((keys: string[]) => once(keys, lookUp), { linger: false })
  let writes = 0

  async function ask(key: string): Promise<T> {
    const [before, askedAt] = [writes, performance.now()]
    const value = await batcher.add(key)
    known.delete(key)
    // What was being read while something was written may be from before it.
    if (before === writes && listener.connected()) known.set(key, { value, until: askedAt + rememberMs })
    const [oldest] = known.keys()
    if (known.size > keep && oldest !== undefined) known.delete(oldest)
    return value
  }

  return {
    get(key) {
      const found = known.get(key)
      const isFresh = found !== undefined && performance.now() < found.until && listener.connected()
      return isFresh ? found.value : ask(key)
    },
    forget() {
      writes++
      known.clear()
    },
  }
}

/** Looks each of several up once. @returns an answer for each of them, in order. */
async function once<T>(all: string[], lookUp: (unique: string[]) => Promise<T[]>): Promise<T[]> {
  const unique = [...new Set(all)]
  const found = await lookUp(unique)
  const byKey = new Map(unique.map((key, n) => [key, found[n] as T]))
  return all.map((key) => byKey.get(key) as T)
}
