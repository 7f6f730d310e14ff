import type { FieldFault } from '../errors.ts'

/** U+FFFD, Unicode's replacement character. */
const replacement = '\ufffd'

/** True when PostgreSQL can store a text: no null character, no half of a surrogate pair. */
export const isStorable = (text: string): boolean => !text.includes('\0') && text.isWellFormed()

/** The text with U+FFFD in place of all that PostgreSQL can't store. */
export function storableText(text: string): string {
  return isStorable(text) ? text : text.replaceAll('\0', replacement).toWellFormed()
}

/** The first `length` code points: a cut inside a surrogate pair would leave a lone surrogate. */
export function truncate(text: string, length: number): string {
  if (text.length <= length) return text
  // A code point has at most two code units.
  return Array.from(text.slice(0, 2 * length))
    .slice(0, length)
    .join('')
}

/** A JSON escape: a surrogate pair; a lone surrogate or a null character (captured); any other. */
const jsonEscapes = /\\(?:ud[89ab]..\\ud[c-f]..|(u0000|ud[89a-f]..)|.)/gis
const suspiciousEscape = /\\u(?:0000|d[89a-f])/i

/**
 * Converts a query parameter to one that PostgreSQL can store, in text and in JSON: `jsonb` refuses `\u0000` and lone
 * surrogates even if they are escaped. Parameters have no types here, so JSON texts are recognised by parsing; only
 * texts with such an escape are parsed.
 */
export function storableParameter(value: unknown): unknown {
  if (typeof value === 'string') return storableJsonText(storableText(value))
  if (Array.isArray(value)) return value.map(storableParameter)
  if (value === null || typeof value !== 'object' || isDriverValue(value)) return value
  // The driver would serialise the object in the same way.
  return storableParameter(JSON.stringify(value))
}

const isDriverValue = (value: object) =>
  value instanceof Date || ArrayBuffer.isView(value) || 'toPostgres' in value

function storableJsonText(text: string): string {
  if (!suspiciousEscape.test(text) || !isJson(text)) return text
  return text.replace(jsonEscapes, (whole, bad) => (bad === undefined ? whole : replacement))
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

const unstorableProblem = 'expected text without null characters and unpaired surrogates'
const depthProblem = 'expected fewer levels of nesting'
const maxDepth = 100
const maxFaults = 20

/**
 * Finds the texts in a request that can't be stored, and values that are nested too deeply for recursive code.
 * @param whole the name of the whole value, for faults in no part of it
 * @returns the first 20 faults. A key that can't be stored is a fault of its object, since the key can't be shown.
 */
export function unstorableFields(value: unknown, whole: string): FieldFault[] {
  const faults: FieldFault[] = []
  const path: (string | number)[] = []

  function check(part: unknown): void {
    if (typeof part === 'string') {
      if (!isStorable(part)) add(unstorableProblem)
    } else if (Array.isArray(part)) {
      checkAll(part.keys(), (index) => part[index])
    } else if (part !== null && typeof part === 'object') {
      const fields = new Map(Object.entries(part))
      if (![...fields.keys()].every(isStorable)) add(`${unstorableProblem} in keys`)
      else checkAll(fields.keys(), (key) => fields.get(key))
    }
  }

  function checkAll<Key extends string | number>(keys: Iterable<Key>, at: (key: Key) => unknown): void {
    if (path.length === maxDepth) add(depthProblem)
    else
      for (const key of keys) {
        if (faults.length === maxFaults) return
        path.push(key)
        check(at(key))
        path.pop()
      }
  }

  const add = (problem: string) => void faults.push({ path: path.join('.') || whole, problem })
  check(value)
  return faults
}
