import { z } from 'zod'

const exact = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(?:\d{3})?Z$/

/**
 * Reads a time in the form that cursors hold: UTC, with milliseconds or microseconds.
 * @returns undefined for another form, a date that no calendar has, and what PostgreSQL has no year for.
 */
export function parseInstant(text: string): Date | undefined {
  if (!exact.test(text)) return undefined
  const toMilliseconds = `${text.slice(0, 23)}Z`
  const time = new Date(toMilliseconds)
  // `Date` takes the 30th of February for a day in March.
  return isInRange(time) && time.toISOString() === toMilliseconds ? time : undefined
}

/** The years 1 to 9999: the year 0 is none for PostgreSQL, and later ones have no form in four digits. */
function isInRange(time: Date): boolean {
  const year = time.getUTCFullYear()
  return year >= 1 && year <= 9999
}

/**
 * The schema of a time in a request, by ISO 8601.
 * @param options.error said of what is none; with `local`, a time without a zone is one in UTC.
 */
export const instant = ({ error, local = false }: { error: string; local?: boolean }) =>
  z.iso.datetime({ offset: true, local, error }).transform((text, ctx) => {
    const time = new Date(/(?:Z|[+-]\d\d:?\d\d)$/i.test(text) ? text : `${text}Z`)
    if (isInRange(time)) return time
    ctx.addIssue({ code: 'custom', message: 'expected a time in the years 1 to 9999' })
    return z.NEVER
  })
