import type { Listener } from '../../platform/events/index.ts'
import type { AccountPrincipal } from '../principal.ts'

/** The result of a credential's lookup. */
export interface CachedPrincipal {
  principal: AccountPrincipal
  /** The subjects whose changes invalidate the entry: `user:<id>`, `jwt:<jti>`. */
  subjects: readonly string[]
  /** Expiry of the credential. */
  endsAt: Date | null
}

/**
 * Caches the principal of a credential for one second, so that a busy token costs one query per second.
 *
 * The database announces every change of a user, token, session or revoked JWT at its commit (triggers, NOTIFY), which
 * drops the affected entries: in this process before the change is answered, in others within the milliseconds that a
 * notification takes. While this process receives no notifications, nothing is cached; if the listening connection dies
 * undetected, entries still expire after one second.
 */
export interface PrincipalCache {
  /** The cached principal, without a lookup. */
  recall(credential: string): AccountPrincipal | undefined
  find(
    credential: string,
    lookup: () => Promise<CachedPrincipal | undefined>,
  ): Promise<AccountPrincipal | undefined>
  forget(subject: string): void
}

export type ChangeListener = Pick<Listener, 'on' | 'onConnect' | 'connected'>

const freshMs = 1000
const maxEntries = 10_000

interface Entry extends CachedPrincipal {
  freshUntil: number
}

/** @param options without a `listener` nothing is cached */
export function createPrincipalCache(options: {
  listener: ChangeListener | undefined
  now(): Date
}): PrincipalCache {
  const { listener, now } = options
  const entries = new Map<string, Entry>()
  const lookups = new Map<string, Promise<AccountPrincipal | undefined>>()
  let changes = 0
  let sweeping = false

  listener?.on('account_changes', forget)
  listener?.onConnect(() => {
    changes += 1
    entries.clear()
    lookups.clear()
  })

  function forget(subject: string): void {
    changes += 1
    for (const [key, entry] of entries) if (entry.subjects.includes(subject)) entries.delete(key)
    // Running lookups may have read the state before the change, so later requests must not share them.
    lookups.clear()
  }

  async function lookUp(credential: string, lookup: () => Promise<CachedPrincipal | undefined>) {
    const [changesBefore, freshUntil] = [changes, performance.now() + freshMs]
    const found = await lookup()
    // A result that may predate a change answers the waiting requests but is not cached.
    if (found !== undefined && changes === changesBefore) keep(credential, { ...found, freshUntil })
    return found?.principal
  }

  function keep(credential: string, entry: Entry): void {
    // The key is the credential itself, because a hash would cost as much as the rest; no key outlives its second.
    entries.set(credential, entry)
    if (!sweeping) setTimeout(dropStale, freshMs).unref()
    sweeping = true
    if (entries.size <= maxEntries) return
    const [oldest = ''] = entries.keys()
    entries.delete(oldest)
  }

  function dropStale(): void {
    const at = performance.now()
    for (const [credential, entry] of entries) if (entry.freshUntil <= at) entries.delete(credential)
    sweeping = entries.size > 0
    if (sweeping) setTimeout(dropStale, freshMs).unref()
  }

  function recall(credential: string): AccountPrincipal | undefined {
    if (listener?.connected() !== true) return undefined
    const entry = entries.get(credential)
    if (entry === undefined || entry.freshUntil <= performance.now()) return undefined
    return entry.endsAt === null || entry.endsAt > now() ? entry.principal : undefined
  }

  return {
    forget,
    recall,
    async find(credential, lookup) {
      if (listener?.connected() !== true) return (await lookup())?.principal
      const cached = recall(credential)
      if (cached !== undefined) return cached
      const shared = lookups.get(credential)
      if (shared !== undefined) return shared
      const own = lookUp(credential, lookup).finally(() => {
        if (lookups.get(credential) === own) lookups.delete(credential)
      })
      lookups.set(credential, own)
      return own
    },
  }
}
