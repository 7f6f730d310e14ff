import { createHash } from 'node:crypto'
import { canonical } from '../../platform/http/idempotency.ts'

/** A short fingerprint of a binding, independent of the order of its fields. */
export const fingerprintOf = (binding: Record<string, unknown>): string =>
  createHash('sha256').update(canonical(binding)).digest('hex').slice(0, 16)
