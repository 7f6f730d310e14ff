export function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}

/**
 * A share in per cent with two decimals; null if the whole is 0. Rounding never hides a remainder: an outage of a
 * second per year is 99.99, not 100, and a second online is 0.01, not 0.
 */
export function percentage(part: number, whole: number): number | null {
  return whole <= 0 ? null : share(part / whole, 100, 2)
}

/** A share from 0 to 1 with the same precision; null if the whole is 0. It is 1 or 0 only if that is exact. */
export function ratio(part: number, whole: number, digits: number): number | null {
  return whole <= 0 ? null : share(part / whole, 1, digits)
}

/** A part that exceeds the whole, because clocks differ at the edges of a period, counts as the whole. */
function share(exact: number, full: number, digits: number): number {
  if (exact >= 1) return full
  if (exact <= 0) return 0
  const step = 10 ** -digits
  return rounded(Math.min(Math.max(exact * full, step), full - step), digits)
}

export const iso = (time: number): string => new Date(time).toISOString()
