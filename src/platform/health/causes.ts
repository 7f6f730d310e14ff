/** The parts that a cause may be about. */
export type HealthPart =
  | 'database'
  | 'queue'
  | 'rate_limits'
  | 'object_store'
  | 'data_dir'
  | 'clock'
  | 'live_events'

/** Why health is not `healthy`: a stable word for programs, and a sentence for people. Nothing secret: health is open. */
export interface Cause {
  part: HealthPart
  reason: string
  message: string
}

/** A clock may differ by this many milliseconds before order and signatures suffer. */
const clockLimitMs = 60_000

/** @param aheadMs how far this process's clock is ahead of the other one; negative when it is behind */
export function clockCauses(aheadMs: number, other: 'database' | 'object store'): Cause[] {
  if (Math.abs(aheadMs) <= clockLimitMs) return []
  const seconds = Math.round(Math.abs(aheadMs) / 1000)
  const direction = aheadMs > 0 ? 'ahead of' : 'behind'
  const reason = other === 'database' ? 'differs_from_database' : 'differs_from_object_store'
  return [
    { part: 'clock', reason, message: `This process's clock is ${seconds} s ${direction} the ${other}'s` },
  ]
}
