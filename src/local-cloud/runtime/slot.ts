import type { Share } from '../store/versions.ts'
import type { RunningWorkers } from '../worker-runtime.ts'
import type { LimitExceeded } from './limits.ts'

/** A running Worker and what is going on in it. */
export interface Slot {
  workers: RunningWorkers
  shares: Share[]
  requests: number
  sockets: number
  /** Counts beginnings and ends of requests, and messages of WebSockets. */
  traffic: { count: number }
  lastUsed: number
  drained: (() => void) | undefined
}

/** A right to send one request to a running version; `release` must follow. */
export interface Lease {
  url: URL
  /** Headers without which the Worker's socket refuses. */
  gate: Record<string, string>
  versionId: string
  /** Tells that the request became a WebSocket: it keeps the Worker awake, but a new version does not wait for it. */
  upgraded(): void
  /** Tells that a message came over the WebSocket. */
  message(): void
  release(): void
  /**
   * Tells that nothing answered. Resolves when the end of the process, if there was one, is known: with the limit that
   * it exceeded, if that was why.
   */
  broken(): Promise<LimitExceeded | undefined>
}

/** A refused or cut connection is known before the exit of the process is; measured 1-5 ms apart. */
const exitNoticeMs = 200

/** Nobody would notice its end. */
export const isQuiet = (slot: Slot) => slot.requests === 0 && slot.sockets === 0

/** Counts a request in, and gives the right to send it. */
export function lease(slot: Slot, versionId: string): Lease {
  const url = slot.workers.url(versionId)
  if (url === undefined) throw new Error('the version is not running')
  slot.requests += 1
  slot.traffic.count += 1
  let held: 'requests' | 'sockets' | undefined = 'requests'
  const settle = (next: 'sockets' | undefined) => {
    if (held === undefined) return
    slot[held] -= 1
    if (next !== undefined) slot[next] += 1
    held = next
    slot.lastUsed = Date.now()
    slot.traffic.count += 1
    if (slot.requests === 0) slot.drained?.()
  }
  return {
    url,
    gate: slot.workers.gate,
    versionId,
    upgraded: () => settle('sockets'),
    message: () => {
      slot.traffic.count += 1
    },
    release: () => settle(undefined),
    broken: () => slot.workers.expectExit(exitNoticeMs),
  }
}
