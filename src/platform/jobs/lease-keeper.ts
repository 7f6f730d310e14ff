import type { Knex } from 'knex'
import type { Listener } from '../events/index.ts'
import { createLoop, type Service } from '../lifecycle.ts'
import type { Logger } from '../logging.ts'
import { RunAborted } from './definition.ts'
import { type Lease, leaseMs, renewEveryMs, renewLeases } from './leases.ts'
import { jobsChannel } from './store.ts'

interface Held {
  lease: Lease
  controller: AbortController
  /** Local time until which the lease surely holds: counted from before the renewal was sent. */
  until: number
}

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
    const sentAt = Date.now()
    const asked = [...held.values()]
    if (asked.length === 0) return
    try {
      const renewed = await renewLeases(
        db,
        asked.map((each) => each.lease),
      )
      for (const each of asked) {
        const state = renewed.get(each.lease.id)
        if (state === undefined) end(each, 'lost')
        else if (state.cancelRequested) end(each, 'cancelled')
        else each.until = sentAt + leaseMs
      }
    } finally {
      // A holder that can't renew stops before anybody else may claim.
      for (const each of held.values()) if (each.until < Date.now()) end(each, 'lost')
    }
  }

  function end(each: Held, why: RunAborted['why']): void {
    // A run that finished while its renewal was on the way is no longer ours to end.
    if (held.get(each.lease.id) !== each || each.controller.signal.aborted) return
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
      const controller = new AbortController()
      held.set(lease.id, { lease, controller, until: Date.now() + leaseMs })
      return controller.signal
    },
    release(lease) {
      if (held.get(lease.id)?.lease === lease) held.delete(lease.id)
    },
    abortAll(why) {
      for (const each of held.values()) end(each, why)
    },
    count: () => held.size,
  }
}
