import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { Share } from '../store/versions.ts'

/**
 * Selects the version for a request by percentage. As on Cloudflare, requests with the same
 * `Cloudflare-Workers-Version-Key` go to the same version, and `Cloudflare-Workers-Version-Overrides:
 * script="version id"` selects a deployed version.
 */
export function pickVersion(shares: Share[], headers: IncomingHttpHeaders, script: string): string {
  const overrides = String(headers['cloudflare-workers-version-overrides'] ?? '')
  const wanted = overrides
    .split(',')
    .map((part) => /^\s*([\w-]+)\s*=\s*"([^"]*)"\s*$/.exec(part))
    .find((match) => match?.[1] === script)?.[2]
  const override = shares.find((share) => share.version_id === wanted)
  if (override !== undefined) return override.version_id
  let point = positionOf(headers['cloudflare-workers-version-key'])
  for (const share of shares) {
    point -= share.percentage
    if (point < 0) return share.version_id
  }
  return shares.at(-1)?.version_id ?? ''
}

/** A point in [0, 100): derived from the key, or random without a key. */
function positionOf(key: string | string[] | undefined): number {
  if (key === undefined) return Math.random() * 100
  const hash = createHash('sha256').update(String(key)).digest()
  return (hash.readUInt32BE(0) / 2 ** 32) * 100
}
