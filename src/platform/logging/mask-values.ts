import { inspect } from 'node:util'

/** Lines of a secret that are shorter than this are no secret by themselves, such as `-----` or `}`. */
const minLineLength = 12

/**
 * Masks values in a text, also where they are written as JSON, as JSON inside JSON, by `console.log` of an object, in a
 * URL, or line by line.
 */
export function maskValues(text: string, values: readonly string[], mask: string): string {
  // Longest first: masking a value that is part of a longer one would leave the rest of the longer one readable.
  const spellings = [...new Set(values.flatMap(spellingsOf))].toSorted((a, b) => b.length - a.length)
  return spellings.reduce((masked, spelling) => masked.replaceAll(spelling, mask), text)
}

/** Masks values in all texts of a JSON value, names of fields included. */
export function maskValuesDeep<T>(value: T, values: readonly string[], mask: string): T
export function maskValuesDeep(value: unknown, values: readonly string[], mask: string): unknown {
  if (typeof value === 'string') return maskValues(value, values, mask)
  if (Array.isArray(value)) return value.map((item) => maskValuesDeep(item, values, mask))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [
      maskValues(name, values, mask),
      maskValuesDeep(item, values, mask),
    ]),
  )
}

function spellingsOf(value: string): string[] {
  if (value === '') return []
  const lines = value.split(/\r?\n/)
  const parts = lines.length > 1 ? lines.map((line) => line.trim()).filter(isLongEnough) : []
  return [value, ...parts].flatMap((part) => {
    const once = quoted(part)
    return [part, once, quoted(once), inspect(part).slice(1, -1), encoded(part)]
  })
}

const isLongEnough = (line: string) => line.length >= minLineLength
const quoted = (text: string) => JSON.stringify(text).slice(1, -1)

/** The text in a URL; a text that is no valid Unicode cannot be in one. */
function encoded(text: string): string {
  return encodeURIComponent(text.toWellFormed())
}
