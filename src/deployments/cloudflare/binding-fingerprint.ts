import { createHash } from 'node:crypto'
import { canonicalJson } from '../../platform/http/canonical-json.ts'

/** A short fingerprint of a binding, independent of the order of its fields. */
export const fingerprintOf = (binding: Record<string, unknown>): string =>
  createHash('sha256').update(canonicalJson(binding)).digest('hex').slice(0, 16)
