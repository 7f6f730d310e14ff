/** One sample's meaning: good, bad, or throttled, which says nothing about the node. */
export type Verdict = 'g' | 'b' | 't'

/** What is believed of a node, with the samples in a row that may change it. Null: not yet known. */
export interface Confirmation {
  confirmed: boolean | null
  goodStreak: number
  badStreak: number
}

/**
 * A single lost packet is no outage: a state changes after so many samples in a row. The very first one counts at
 * once, and so does what is `certain` (another node answers in its place).
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
