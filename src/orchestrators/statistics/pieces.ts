/** A period from `from` (inclusive) to `to` (exclusive), in milliseconds since 1970. */
export interface Span {
  from: number
  to: number
}

/** A period split into parts that have sums: whole days, whole hours around them, and the rest at the edges. */
export interface Pieces {
  days: Span[]
  hours: Span[]
  rest: Span[]
}

const hour = 3_600_000
const day = 24 * hour

const up = (time: number, unit: number) => Math.ceil(time / unit) * unit
const down = (time: number, unit: number) => Math.floor(time / unit) * unit

/** The pieces are disjoint and cover the spans exactly. */
export function cut(spans: readonly Span[]): Pieces {
  const pieces: Pieces = { days: [], hours: [], rest: [] }
  for (const span of spans) {
    const hours = { from: up(span.from, hour), to: down(span.to, hour) }
    if (hours.from >= hours.to) {
      add(pieces.rest, span)
      continue
    }
    add(pieces.rest, { from: span.from, to: hours.from })
    add(pieces.rest, { from: hours.to, to: span.to })
    const days = { from: up(hours.from, day), to: down(hours.to, day) }
    if (days.from >= days.to) {
      add(pieces.hours, hours)
      continue
    }
    add(pieces.days, days)
    add(pieces.hours, { from: hours.from, to: days.from })
    add(pieces.hours, { from: days.to, to: hours.to })
  }
  return pieces
}

/** The period minus the given spans, which may overlap. */
export function without(period: Span, taken: readonly Span[]): Span[] {
  const left: Span[] = []
  let from = period.from
  for (const each of taken.toSorted((a, b) => a.from - b.from)) {
    if (each.to <= from) continue
    if (each.from >= period.to) break
    add(left, { from, to: each.from })
    from = each.to
  }
  add(left, { from, to: period.to })
  return left
}

export const lengthOf = (spans: readonly Span[]): number =>
  spans.reduce((sum, span) => sum + span.to - span.from, 0)

function add(list: Span[], span: Span): void {
  if (span.from < span.to) list.push(span)
}
