import type { Listener } from '../../platform/events/index.ts'

/** What was answered a moment ago. */
export interface Memory<T> {
  get(key: string): T | undefined
  /** Before something is read: what then keeps the answer, unless something was written meanwhile. */
  reading(): (key: string, answer: T) => void
  /** After a write: nothing that was read before it counts. */
  forget(): void
}

const rememberMs = 1000
const keep = 2000
const longestKey = 1000

/**
 * Remembers for a second, until something is written by any process, and nothing while that can't be heard of: a page
 * of badges that many read asks the database once a second.
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
