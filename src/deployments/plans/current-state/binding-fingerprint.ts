import { createHash } from 'node:crypto'
import { canonical } from '../../../platform/http/idempotency.ts'

/** Short, and the same for the same binding, whatever the order of its fields. */
export const fingerprintOf = (binding: Record<string, unknown>): string =>
  createHash('sha256').update(canonical(binding)).digest('hex').slice(0, 16)
