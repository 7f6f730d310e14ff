import { type ObjectStore, StoreUnreachable } from '../object-store/index.ts'

/** What is known of a small object. `stale`: the store could not be asked whether it still holds. */
export interface Cached<T> {
  value: T | undefined
  /** Why there is no value: nothing there, or nothing that can be read. */
  missing: 'absent' | 'unreadable' | undefined
  stale: boolean
}

interface Entry<T> {
  value: T | undefined
  missing: 'absent' | 'unreadable' | undefined
  etag: string | undefined
  /** When the store last confirmed it. */
  confirmedAt: number
  askAgainAt: number
  /** The store was asked since, and did not answer. */
  away: boolean
}

export interface ObjectCache<T> {
  /** @throws StoreUnreachable when the store is away and what is known is too old. */
  get(key: string): Promise<Cached<T>>
  /** The next `get` asks the store. */
  forget(key: string): void
  forgetAbsent(): void
}

const freshMs = 30_000
const staleMs = 10 * 60_000
/** Absence is only remembered for as long as it takes to blunt a flood: a release may appear at any time. */
const absentMs = 1000
/** A store that is away is asked again by one request in this time; the others are answered at once. */
const awayMs = 2000
const largest = 2000
const nothing = { value: undefined, missing: 'absent', etag: undefined, away: false } as const

/**
 * Small objects of the store, parsed. Fresh for 30 s, then revalidated by etag with one request at a time for each
 * key; up to 10 minutes old when the store is away.
 */
export function createObjectCache<T>(options: {
  store: ObjectStore
  parse: (body: Buffer, key: string) => T | undefined
  now?: () => number
}): ObjectCache<T> {
  const { store, parse, now = () => performance.now() } = options
  const entries = new Map<string, Entry<T>>()
  const asking = new Map<string, Promise<Entry<T>>>()

  /** One question at a time. One that was asked before the key was forgotten answers its askers, and nobody later. */
  function askOnce(key: string): Promise<Entry<T>> {
    const running = asking.get(key)
    if (running !== undefined) return running
    const own: Promise<Entry<T>> = ask(key, () => asking.get(key) === own).finally(() => {
      if (asking.get(key) === own) asking.delete(key)
    })
    asking.set(key, own)
    return own
  }

  async function ask(key: string, counts: () => boolean): Promise<Entry<T>> {
    const known = entries.get(key)
    try {
      const found = await store.read(key, known?.etag === undefined ? undefined : { etag: known.etag })
      const entry = entryOf(key, found, known)
      if (counts()) keep(key, entry)
      return entry
    } catch (error) {
      if (!(error instanceof StoreUnreachable) || known === undefined) throw error
      if (!counts()) return { ...known, away: true }
      known.askAgainAt = now() + awayMs
      known.away = true
      return known
    }
  }

  function entryOf(key: string, found: Awaited<ReturnType<ObjectStore['read']>>, known?: Entry<T>): Entry<T> {
    const confirmedAt = now()
    if (found === undefined) {
      return { ...nothing, confirmedAt, askAgainAt: confirmedAt + absentMs }
    }
    const askAgainAt = confirmedAt + freshMs
    if (found === 'unchanged' && known !== undefined)
      return { ...known, confirmedAt, askAgainAt, away: false }
    if (found === 'unchanged') throw new StoreUnreachable('the store compared with nothing')
    const value = parse(found.body, key)
    const missing = value === undefined ? 'unreadable' : undefined
    return { value, missing, etag: found.etag, confirmedAt, askAgainAt, away: false }
  }

  /** The oldest goes first: keys of versions come from requests, and there may be any number of them. */
  function keep(key: string, entry: Entry<T>): void {
    entries.delete(key)
    entries.set(key, entry)
    if (entries.size > largest) entries.delete(entries.keys().next().value ?? '')
  }

  return {
    async get(key) {
      const known = entries.get(key)
      if (known !== undefined && now() < known.askAgainAt) return tell(known)
      return tell(await askOnce(key))
    },
    forget(key) {
      asking.delete(key)
      const known = entries.get(key)
      if (known !== undefined) known.askAgainAt = 0
    },
    forgetAbsent() {
      asking.clear()
      for (const entry of entries.values()) if (entry.missing === 'absent') entry.askAgainAt = 0
    },
  }

  function tell({ value, missing, confirmedAt, away }: Entry<T>): Cached<T> {
    const tooOld = missing === 'absent' || now() - confirmedAt > staleMs
    if (away && tooOld) throw new StoreUnreachable('the object store is away, and what is known is too old')
    return { value, missing, stale: away }
  }
}
