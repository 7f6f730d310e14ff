import type { Knex } from 'knex'
import { within } from '../../deadline.ts'
import type { Listener } from '../../events/index.ts'
import type { Logger } from '../../logging/logging.ts'
import { createLoop, type Service } from '../../process/lifecycle.ts'
import { RunAborted } from '../definition.ts'
import { jobsChannel } from '../store.ts'
import { type Lease, leaseMs, renewEveryMs, renewLeases } from './leases.ts'

interface Held {
  lease: Lease
  controller: AbortController
  /** Ends the run just before somebody else may claim its job; set again by every renewal. */
  expiry: NodeJS.Timeout
}

/** For the way of the claim's answer, and for the run to let go. */
const marginMs = 500

export interface LeaseKeeper extends Service {
  /** Renews the lease until `release`. @returns the signal that says when the run must end. */
  hold(lease: Lease): AbortSignal
  release(lease: Lease): void
  /** Ends every run in this process with a reason. */
  abortAll(why: RunAborted['why']): void
  count(): number
}

/** Renews all leases of this process in one statement every two seconds, and ends runs that must not go on. */
export function createLeaseKeeper(options: { db: Knex; listener: Listener; log: Logger }): LeaseKeeper {
  const { db, listener, log } = options
  const held = new Map<string, Held>()

  async function renew(): Promise<void> {
    const sentAt = performance.now()
    const asked = [...held.values()]
    if (asked.length === 0) return
    const renewal = renewLeases(
      db,
      asked.map((each) => each.lease),
    )
    // A connection that swallows the question must not keep the next one from being asked.
    const found = await within(renewEveryMs, renewal, 'the database')
    for (const each of asked) {
      const state = found.get(each.lease.id)
      if (state === undefined) end(each, 'lost')
      else if (state.cancelRequested) end(each, 'cancelled')
      else if (state.renewed) expireAfter(each, sentAt - performance.now() + leaseMs)
    }
  }

  function expireAfter(each: Held, ms: number): void {
    clearTimeout(each.expiry)
    if (held.get(each.lease.id) === each) each.expiry = armed(each, ms)
  }

  const armed = (each: Omit<Held, 'expiry'>, ms: number) =>
    setTimeout(() => end(each, 'lost'), ms - marginMs).unref()

  function end(each: Omit<Held, 'expiry'>, why: RunAborted['why']): void {
    // A run that finished while its renewal was on the way is no longer ours to end.
    if (held.get(each.lease.id)?.controller !== each.controller || each.controller.signal.aborted) return
    log.info({ jobId: each.lease.id, reason: why }, 'a run is asked to end')
    each.controller.abort(new RunAborted(why))
  }

  const loop = createLoop({ name: 'leases', intervalMs: renewEveryMs, log }, renew)
  listener.on(jobsChannel, (id) => {
    const each = held.get(id)
    if (each !== undefined) loop.nudge()
  })

  return {
    ...loop,
    hold(lease) {
      // After a long pause of this process the same job may be claimed here again: its older run must end.
      const older = held.get(lease.id)
      if (older !== undefined) {
        end(older, 'lost')
        clearTimeout(older.expiry)
      }
      const each = { lease, controller: new AbortController() }
      held.set(lease.id, { ...each, expiry: armed(each, leaseMs) })
      return each.controller.signal
    },
    release(lease) {
      const each = held.get(lease.id)
      if (each?.lease !== lease) return
      clearTimeout(each.expiry)
      held.delete(lease.id)
    },
    abortAll(why) {
      for (const each of held.values()) end(each, why)
    },
    count: () => held.size,
  }
}
