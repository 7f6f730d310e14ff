import type { Share } from '../store/versions.ts'
import type { RunningWorkers } from '../worker-runtime.ts'
import type { Node } from './groups/nodes.ts'
import type { LimitExceeded } from './limits.ts'

/** A running group and its current load. */
export interface Slot {
  workers: RunningWorkers
  nodes: Node[]
  /** The deployed versions of each script, by the script's row. */
  shares: ReadonlyMap<number, Share[]>
  requests: number
  sockets: number
  /** A counter that increases at the beginning and end of each request and with each WebSocket message. */
  traffic: { count: number }
  lastUsed: number
  drained: (() => void) | undefined
}

/** The permission to send one request to a running version. The holder must call `release`. */
export interface Lease {
  url: URL
  /** Headers that a request needs to reach the Worker. */
  gate: Record<string, string>
  versionId: string
  /**
   * Reports that the request became a WebSocket: it keeps the Worker running, but a new version does not wait for it.
   */
  upgraded(): void
  /** Reports a message on the WebSocket. */
  message(): void
  release(): void
  /**
   * Reports that the Worker did not respond, and waits briefly for the exit of its process. @returns the limit that the
   * process exceeded, if that ended it
   */
  broken(): Promise<LimitExceeded | undefined>
}

/** The wait for a process exit after a broken connection. The exit was reported 1-5 ms later in measurements. */
const exitNoticeMs = 200

/** True if the group has no requests or WebSockets, so that it can be ended without effect on clients. */
export const isQuiet = (slot: Slot) => slot.requests === 0 && slot.sockets === 0

/** Counts a new request and returns its lease. @throws Error if the version is not running */
export function lease(slot: Slot, versionId: string): Lease {
  const url = slot.workers.url(versionId)
  if (url === undefined) throw new Error('the version is not running')
  slot.requests += 1
  slot.traffic.count += 1
  let countedAs: 'requests' | 'sockets' | undefined = 'requests'
  const settle = (next: 'sockets' | undefined) => {
    if (countedAs === undefined) return
    slot[countedAs] -= 1
    if (next !== undefined) slot[next] += 1
    countedAs = next
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
