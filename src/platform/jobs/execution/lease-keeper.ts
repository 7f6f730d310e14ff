import type { Knex } from 'knex'
import { within } from '../../deadline.ts'
import type { Listener } from '../../events/index.ts'
import type { Logger } from '../../logging/logging.ts'
import { createLoop, type Service } from '../../process/lifecycle.ts'
import { jobsChannel } from '../changes.ts'
import { RunAborted } from '../definition.ts'
import { type Lease, leaseMs, renewEveryMs, renewLeases } from './leases.ts'

interface HeldLease {
  lease: Lease
  controller: AbortController
  /** Aborts the attempt just before another worker may claim its job; reset by every renewal. */
  expiry: NodeJS.Timeout
}

/** The time reserved for the response to the claim, and for the attempt to stop. */
const marginMs = 500

export interface LeaseKeeper extends Service {
  /** Renews the lease until `release`. @returns a signal that is aborted when the attempt must end */
  hold(lease: Lease): AbortSignal
  release(lease: Lease): void
  /** Aborts every attempt in this process. */
  abortAll(why: RunAborted['why']): void
  count(): number
}

/** Renews all leases of this process in one statement every two seconds, and aborts attempts that must end. */
export function createLeaseKeeper(options: { db: Knex; listener: Listener; log: Logger }): LeaseKeeper {
  const { db, listener, log } = options
  const held = new Map<string, HeldLease>()

  async function renew(): Promise<void> {
    const sentAt = performance.now()
    const renewing = [...held.values()]
    if (renewing.length === 0) return
    const renewal = renewLeases(
      db,
      renewing.map((each) => each.lease),
    )
    // A connection that never responds must not delay the next renewal.
    const found = await within(renewEveryMs, renewal, 'the database')
    for (const each of renewing) {
      const state = found.get(each.lease.id)
      if (state === undefined) end(each, 'lost')
      else if (state.cancelRequested) end(each, 'cancelled')
      else if (state.renewed) expireAfter(each, sentAt - performance.now() + leaseMs)
    }
  }

  function expireAfter(each: HeldLease, ms: number): void {
    clearTimeout(each.expiry)
    if (held.get(each.lease.id) === each) each.expiry = armed(each, ms)
  }

  const armed = (each: Omit<HeldLease, 'expiry'>, ms: number) =>
    setTimeout(() => end(each, 'lost'), ms - marginMs).unref()

  function end(each: Omit<HeldLease, 'expiry'>, why: RunAborted['why']): void {
    // The attempt may have finished during the renewal; a later attempt of the job must not be aborted.
    if (held.get(each.lease.id)?.controller !== each.controller || each.controller.signal.aborted) return
    log.info({ jobId: each.lease.id, reason: why }, 'aborting an attempt')
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
      // After a long pause of this process it may claim the same job again; the older attempt must end.
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
