/** The parts of the service that a cause can concern. */
export type HealthPart =
  | 'database'
  | 'queue'
  | 'rate_limits'
  | 'object_store'
  | 'data_dir'
  | 'clock'
  | 'live_events'

/** A reason why health is not `healthy`: `reason` for programs, `message` for people. Public, so without secrets. */
export interface Cause {
  part: HealthPart
  reason: string
  message: string
}

/** Milliseconds that two clocks may differ before the order of events and signatures are affected. */
const clockLimitMs = 60_000

/** @param aheadMs milliseconds that this process's clock is ahead of the other one; negative if it is behind */
export function clockCauses(aheadMs: number, other: 'database' | 'object store'): Cause[] {
  if (Math.abs(aheadMs) <= clockLimitMs) return []
  const seconds = Math.round(Math.abs(aheadMs) / 1000)
  const direction = aheadMs > 0 ? 'ahead of' : 'behind'
  const reason = other === 'database' ? 'differs_from_database' : 'differs_from_object_store'
  return [
    { part: 'clock', reason, message: `This process's clock is ${seconds} s ${direction} the ${other}'s` },
  ]
}
