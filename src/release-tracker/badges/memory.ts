import type { Listener } from '../../platform/events/index.ts'

/** A cache of recent replies. */
export interface Memory<T> {
  get(key: string): T | undefined
  /** To be called before reading. @returns a function that caches the reply, unless something was written meanwhile */
  reading(): (key: string, answer: T) => void
  /** Drops all replies. To be called after a write. */
  forget(): void
}

const rememberMs = 1000
const keep = 2000
const longestKey = 1000

/**
 * Caches replies for a second, so that a popular page of badges costs one query per second. Any write by any process
 * empties the cache; without a connection for notifications of writes nothing is cached.
 */
export function createMemory<T>(listener: Pick<Listener, 'on' | 'onConnect' | 'connected'>): Memory<T> {
  const known = new Map<string, { answer: T; until: number }>()
  let writes = 0
  const forget = () => {
    writes++
    known.clear()
  }
  listener.on('tracker_changes', forget)
  listener.onConnect(forget)
  return {
    get(key) {
      const found = known.get(key)
      if (found === undefined || performance.now() >= found.until || !listener.connected()) return undefined
      return found.answer
    },
    reading() {
      const [before, until] = [writes, performance.now() + rememberMs]
      return (key, answer) => {
        known.delete(key)
        if (before !== writes || !listener.connected() || key.length > longestKey) return
        known.set(key, { answer, until })
        const [oldest] = known.keys()
        if (known.size > keep && oldest !== undefined) known.delete(oldest)
      }
    },
    forget,
  }
}
