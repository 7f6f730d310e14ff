import type { Listener } from '../../platform/events/index.ts'
import type { AccountPrincipal } from '../principal.ts'

/** What a look into the database found behind a credential. */
export interface Known {
  principal: AccountPrincipal
  /** Whose changes make it void: `user:<id>`, `jwt:<jti>`. */
  subjects: readonly string[]
  /** When the credential ends by itself. */
  endsAt: Date | null
}

/**
 * Who is behind a credential, remembered for a second so that a busy token costs one query a second.
 *
 * A change of a user, token, session or revoked JWT is told by the database itself (triggers, NOTIFY) when it
 * commits, and what is remembered of it is dropped: here before the change is answered, in other processes within
 * the milliseconds that a notification takes. While this process does not hear notifications, nothing is remembered;
 * a listening connection that died without a word leaves the second.
 */
export interface PrincipalCache {
  /** Who is remembered, at once. */
  recall(credential: string): AccountPrincipal | undefined
  find(credential: string, look: () => Promise<Known | undefined>): Promise<AccountPrincipal | undefined>
  forget(subject: string): void
}

export type ChangeListener = Pick<Listener, 'on' | 'onConnect' | 'connected'>

const freshMs = 1000
const maxEntries = 10_000

interface Entry extends Known {
  freshUntil: number
}

/** @param listener without one nothing is remembered */
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
    // Those on their way may have read what was before the change: nobody new may share them.
    lookups.clear()
  }

  async function lookUp(credential: string, look: () => Promise<Known | undefined>) {
    const [before, freshUntil] = [changes, performance.now() + freshMs]
    const known = await look()
    // Read before a change and told after it: good for the requests that came before, too old to keep.
    if (known !== undefined && changes === before) keep(credential, { ...known, freshUntil })
    return known?.principal
  }

  function keep(credential: string, entry: Entry): void {
    // By the credential itself (a hash costs as much as all the rest): so none stays after its second is over.
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
    async find(credential, look) {
      if (listener?.connected() !== true) return (await look())?.principal
      const remembered = recall(credential)
      if (remembered !== undefined) return remembered
      const shared = lookups.get(credential)
      if (shared !== undefined) return shared
      const own = lookUp(credential, look).finally(() => {
        if (lookups.get(credential) === own) lookups.delete(credential)
      })
      lookups.set(credential, own)
      return own
    },
  }
}
