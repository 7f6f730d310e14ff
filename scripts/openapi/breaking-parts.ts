export type Json = Record<string, unknown>

/** The released document and the current one. */
export type Documents = Record<'released' | 'current', Json>

/** The same part of both. */
export interface Change {
  released: unknown
  current: unknown
}

/** Where a schema is used: a request may accept more, an answer may have more. */
export type Side = 'request' | 'answer'

/** The value that a reference leads to, or the value itself. */
export function follow(document: Json, value: unknown): Json {
  const reference = at(value, ['$ref'])
  if (typeof reference !== 'string') return (value ?? {}) as Json
  return (at(document, reference.split('/').slice(1)) ?? {}) as Json
}

/** The value at a path of keys; undefined if there is none. */
export function at(value: unknown, keys: string[]): unknown {
  return keys.reduce<unknown>((inside, key) => {
    const isObject = typeof inside === 'object' && inside !== null
    return isObject ? (inside as Json)[key] : undefined
  }, value)
}

/** The entries of an object; none for anything else. */
export const entries = (value: unknown): [string, unknown][] =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : []
