import type { FieldFault } from '../errors.ts'

/** U+FFFD, what Unicode itself puts in the place of what can't be represented. */
const replacement = '\ufffd'

/** True when PostgreSQL can store a text: no null character, no half of a surrogate pair. */
export const isStorable = (text: string): boolean => !text.includes('\0') && text.isWellFormed()

/** A text as PostgreSQL can store it. What can't be stored becomes U+FFFD. */
export function storableText(text: string): string {
  return isStorable(text) ? text : text.replaceAll('\0', replacement).toWellFormed()
}

/** The first `length` characters (code points): a cut between two halves of a character would leave a lone surrogate. */
export function truncate(text: string, length: number): string {
  if (text.length <= length) return text
  // No character has more than two code units.
  return Array.from(text.slice(0, 2 * length))
    .slice(0, length)
    .join('')
}

/** An escape of JSON: a surrogate pair, a lone surrogate or a null character, or any other. */
const escapes = /\\(?:ud[89ab]..\\ud[c-f]..|(u0000|ud[89a-f]..)|.)/gis
const suspiciousEscape = /\\u(?:0000|d[89a-f])/i

/**
 * Query parameters as PostgreSQL can store them, in text and in JSON: `jsonb` refuses `\u0000` and lone surrogates
 * also where they are escaped. Texts that are JSON are recognised by parsing them, since a query's parameters have
 * no types here; only those with such an escape are parsed.
 */
export function storableParameter(value: unknown): unknown {
  if (typeof value === 'string') return storableJsonText(storableText(value))
  if (Array.isArray(value)) return value.map(storableParameter)
  if (value === null || typeof value !== 'object' || isDriverValue(value)) return value
  // What the driver would do with it itself.
  return storableParameter(JSON.stringify(value))
}

const isDriverValue = (value: object) =>
  value instanceof Date || ArrayBuffer.isView(value) || 'toPostgres' in value

function storableJsonText(text: string): string {
  if (!suspiciousEscape.test(text) || !isJson(text)) return text
  return text.replace(escapes, (whole, bad) => (bad === undefined ? whole : replacement))
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

const badText = 'expected text without null characters and unpaired surrogates'
const tooDeep = 'expected fewer levels of nesting'
const mostLevels = 100
const mostFaults = 20

/**
 * Names every text in a request that can't be stored, and values nested too deeply for whoever walks through them.
 * @param whole what the value is called where the fault is in no part of it.
 * @returns the first 20 faults. A key that can't be stored is a fault of the object it is in, since it can't be shown.
 */
export function unstorableFields(value: unknown, whole: string): FieldFault[] {
  const faults: FieldFault[] = []
  const path: (string | number)[] = []

  function check(part: unknown): void {
    if (typeof part === 'string') {
      if (!isStorable(part)) add(badText)
    } else if (Array.isArray(part)) {
      checkAll(part.keys(), (index) => part[index])
    } else if (part !== null && typeof part === 'object') {
      const fields = new Map(Object.entries(part))
      if (![...fields.keys()].every(isStorable)) add(`${badText} in keys`)
      else checkAll(fields.keys(), (key) => fields.get(key))
    }
  }

  function checkAll<Key extends string | number>(keys: Iterable<Key>, at: (key: Key) => unknown): void {
    if (path.length === mostLevels) add(tooDeep)
    else
      for (const key of keys) {
        if (faults.length === mostFaults) return
        path.push(key)
        check(at(key))
        path.pop()
      }
  }

  const add = (problem: string) => void faults.push({ path: path.join('.') || whole, problem })
  check(value)
  return faults
}
