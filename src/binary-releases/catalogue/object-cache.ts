import { type ObjectStore, StoreUnreachable } from '../object-store/index.ts'

/** A cached object. `stale`: the store is unreachable, so the copy could not be revalidated. */
export interface CachedObject<T> {
  value: T | undefined
  /** The reason for a missing value: the object does not exist, or it cannot be parsed. */
  missing: 'absent' | 'unreadable' | undefined
  stale: boolean
}

interface Entry<T> {
  value: T | undefined
  missing: 'absent' | 'unreadable' | undefined
  etag: string | undefined
  /** Time of the store's last answer. */
  confirmedAt: number
  revalidateAt: number
  /** The store did not answer the last request. */
  storeUnreachable: boolean
}

export interface ObjectCache<T> {
  /** @throws StoreUnreachable if the store is unreachable and no copy is recent enough */
  get(key: string): Promise<CachedObject<T>>
  /** Makes the next `get` read from the store. */
  forget(key: string): void
  forgetAbsent(): void
}

const freshMs = 30_000
const staleMs = 10 * 60_000
/** Absence is cached only long enough to absorb a flood of requests: a release may appear at any time. */
const absentMs = 1000
/** An unreachable store is retried by one request in this time; the others are answered from the cache immediately. */
const unreachableRetryMs = 2000
const maxEntries = 2000
const absentObject = {
  value: undefined,
  missing: 'absent',
  etag: undefined,
  storeUnreachable: false,
} as const

/**
 * A cache of small, parsed objects of the store. Entries are fresh for 30 s, then revalidated by etag with one request
 * at a time per key. They are served up to 10 minutes after the last answer while the store is unreachable.
 */
export function createObjectCache<T>(options: {
  store: ObjectStore
  parse: (body: Buffer, key: string) => T | undefined
  now?: () => number
}): ObjectCache<T> {
  const { store, parse, now = () => performance.now() } = options
  const entries = new Map<string, Entry<T>>()
  const pendingReads = new Map<string, Promise<Entry<T>>>()

  /** Shares one read per key. A read begun before `forget` answers only the callers that already wait for it. */
  function readOnce(key: string): Promise<Entry<T>> {
    const pending = pendingReads.get(key)
    if (pending !== undefined) return pending
    const own: Promise<Entry<T>> = readThrough(key, () => pendingReads.get(key) === own).finally(() => {
      if (pendingReads.get(key) === own) pendingReads.delete(key)
    })
    pendingReads.set(key, own)
    return own
  }

  async function readThrough(key: string, isCurrent: () => boolean): Promise<Entry<T>> {
    const cached = entries.get(key)
    try {
      const found = await store.read(key, cached?.etag === undefined ? undefined : { etag: cached.etag })
      const entry = entryOf(key, found, cached)
      if (isCurrent()) keep(key, entry)
      return entry
    } catch (error) {
      if (!(error instanceof StoreUnreachable) || cached === undefined) throw error
      if (!isCurrent()) return { ...cached, storeUnreachable: true }
      cached.revalidateAt = now() + unreachableRetryMs
      cached.storeUnreachable = true
      return cached
    }
  }

  function entryOf(
    key: string,
    found: Awaited<ReturnType<ObjectStore['read']>>,
    cached?: Entry<T>,
  ): Entry<T> {
    const confirmedAt = now()
    if (found === undefined) {
      return { ...absentObject, confirmedAt, revalidateAt: confirmedAt + absentMs }
    }
    const revalidateAt = confirmedAt + freshMs
    if (found === 'unchanged' && cached !== undefined)
      return { ...cached, confirmedAt, revalidateAt, storeUnreachable: false }
    if (found === 'unchanged')
      throw new StoreUnreachable('the store answered "unchanged" to an unconditional read')
    const value = parse(found.body, key)
    const missing = value === undefined ? 'unreadable' : undefined
    return { value, missing, etag: found.etag, confirmedAt, revalidateAt, storeUnreachable: false }
  }

  /** Evicts the oldest entry above the limit: the keys come from requests, so their number is unbounded. */
  function keep(key: string, entry: Entry<T>): void {
    entries.delete(key)
    entries.set(key, entry)
    if (entries.size > maxEntries) entries.delete(entries.keys().next().value ?? '')
  }

  return {
    async get(key) {
      const cached = entries.get(key)
      if (cached !== undefined && now() < cached.revalidateAt) return toCachedObject(cached)
      return toCachedObject(await readOnce(key))
    },
    forget(key) {
      pendingReads.delete(key)
      const cached = entries.get(key)
      if (cached !== undefined) cached.revalidateAt = 0
    },
    forgetAbsent() {
      pendingReads.clear()
      for (const entry of entries.values()) if (entry.missing === 'absent') entry.revalidateAt = 0
    },
  }

  function toCachedObject({ value, missing, confirmedAt, storeUnreachable }: Entry<T>): CachedObject<T> {
    const tooOld = missing === 'absent' || now() - confirmedAt > staleMs
    if (storeUnreachable && tooOld)
      throw new StoreUnreachable('the object store is unreachable, and no cached copy is recent enough')
    return { value, missing, stale: storeUnreachable }
  }
}
