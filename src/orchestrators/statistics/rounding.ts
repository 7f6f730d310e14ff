export function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}

/** A share in per cent; null of nothing. */
export function percentage(part: number, whole: number): number | null {
  return whole === 0 ? null : rounded((part / whole) * 100, 2)
}

/** A share of at most one (clocks wobble at the edges of a period); null of nothing. */
export function ratio(part: number, whole: number): number | null {
  return whole <= 0 ? null : rounded(Math.min(1, part / whole), 6)
}

export const iso = (time: number): string => new Date(time).toISOString()
