import { z } from 'zod'

const exact = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(?:\d{3})?Z$/

/**
 * Parses a time in the form that cursors use: UTC with milliseconds or microseconds.
 * @returns undefined for another form, a date that does not exist, or a year that PostgreSQL does not support
 */
export function parseInstant(text: string): Date | undefined {
  if (!exact.test(text)) return undefined
  const toMilliseconds = `${text.slice(0, 23)}Z`
  const time = new Date(toMilliseconds)
  // `Date` accepts the 30th of February as a day in March.
  return isInRange(time) && time.toISOString() === toMilliseconds ? time : undefined
}

/** The years 1 to 9999: PostgreSQL has no year 0, and later years do not fit in four digits. */
function isInRange(time: Date): boolean {
  const year = time.getUTCFullYear()
  return year >= 1 && year <= 9999
}

/**
 * The schema of an ISO 8601 time in a request.
 * @param options `error` is the message for an invalid time; with `local`, a time without a zone is in UTC
 */
export const instant = ({ error, local = false }: { error: string; local?: boolean }) =>
  z.iso.datetime({ offset: true, local, error }).transform((text, ctx) => {
    const time = new Date(/(?:Z|[+-]\d\d:?\d\d)$/i.test(text) ? text : `${text}Z`)
    if (isInRange(time)) return time
    ctx.addIssue({ code: 'custom', message: 'expected a time in the years 1 to 9999' })
    return z.NEVER
  })
