import { z } from 'zod'

export const environment = z.enum(['staging', 'production'])

/** A DNS label that leaves room for the suffix `-staging` of the script's name and does not end in it. */
export const appName = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,53}[a-z0-9])?$/, 'expected a DNS label of 1 to 55 characters: a-z, 0-9 and -')
  .refine((name) => !name.endsWith('-staging'), 'must not end in -staging')

/** The name of a class. */
export const identifier = z
  .string()
  .regex(/^[A-Za-z_$][A-Za-z0-9_$]{0,127}$/, 'expected a JavaScript identifier of at most 128 characters')

export const variableName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'expected letters, digits and _, not starting with a digit')

/** A text that the cloud shows or compares: it has no control characters. */
export const line = (maximum: number) =>
  z
    .string()
    .min(1)
    .max(maximum)
    .refine((text) => !hasControls(text), 'must not contain control characters')

/** True for text with control characters or unpaired surrogates, which neither headers nor the database can carry. */
export const hasControls = (text: string): boolean => /\p{Cc}/u.test(text) || !text.isWellFormed()

/** The SHA-256 of bytes that were sent before as a blob. */
export const digest = z.string().regex(/^[0-9a-f]{64}$/, 'expected a SHA-256 digest of 64 hexadecimal digits')

/** True if no two entries have the same value in a field. */
export const unique =
  <K extends string>(field: K) =>
  (list: readonly Record<K, unknown>[]): boolean =>
    uniqueItems(list.map((each) => each[field]))

export const uniqueItems = (list: readonly unknown[]): boolean => new Set(list).size === list.length

const label = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?'
/** An entry of a plan's `hostnames`: a host name, a wildcard, or either with a path. */
export const hostnameShape = new RegExp(
  `^(?:\\*\\.)?(?:${label}\\.)+[a-z0-9-]{2,63}(?:/[\\x21-\\x29\\x2b-\\x7e]*\\*?)?$`,
)
