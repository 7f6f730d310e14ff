import { canonicalJson } from '../../platform/http/canonical-json.ts'
import type { Metadata } from './metadata.ts'

/** The bytes that are signed and stored in the bucket: JSON with sorted keys and no white space. */
export function canonicalMetadata({ version, channel, released_at, platforms }: Metadata): string {
  return canonicalJson({ version, channel, released_at, platforms })
}
