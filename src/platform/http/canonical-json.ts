import { configure } from 'safe-stable-stringify'

const stringify = configure({ deterministic: true, circularValue: Error, bigint: false })

/** JSON with sorted keys: equivalent values have the same text, for digests and signatures. `null` for undefined. */
export const canonicalJson = (value: unknown): string => stringify(value) ?? 'null'
