/** The verdict of one sample: good, bad, or throttled, which leaves the node's state unknown. */
export type Verdict = 'g' | 'b' | 't'

/** A node's confirmed state, with the consecutive samples that may change it. Null: not known yet. */
export interface Confirmation {
  confirmed: boolean | null
  goodStreak: number
  badStreak: number
}

/**
 * A single lost packet is not an outage: a state changes only after a number of consecutive samples. The first sample
 * counts at once, and so does a `certain` one (another node answers at the address).
 */
export function confirm(
  before: Confirmation,
  sample: { verdict: Verdict; certain?: boolean },
  limits: { offlineAfter: number; onlineAfter: number },
): Confirmation {
  const { verdict, certain = false } = sample
  if (verdict === 't') return before
  const good = verdict === 'g'
  const goodStreak = good ? before.goodStreak + 1 : 0
  const badStreak = good ? 0 : before.badStreak + 1
  const enough = good ? goodStreak >= limits.onlineAfter : badStreak >= limits.offlineAfter
  const confirmed = before.confirmed === null || enough || certain ? good : before.confirmed
  return { confirmed, goodStreak, badStreak }
}
