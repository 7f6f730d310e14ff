import type { Download } from './downloads.ts'
import type { Listed } from './listing.ts'
import type { Metadata } from './metadata.ts'
import { linkSeconds } from './object-store/index.ts'
import type { PublishedKey } from './signatures.ts'
import type { Yank } from './store/channels.ts'

/** The source's shape, as it lies in the bucket; what is ours comes beside it only when there is something to say. */
export function metadataView(metadata: Metadata, about: { stale: boolean; yank?: Yank | undefined }) {
  return {
    ...metadata,
    ...(about.yank === undefined ? {} : { yanked: yankView(about.yank) }),
    ...(about.stale ? { stale: true } : {}),
  }
}

export const yankView = ({ at, reason }: Yank) => ({ at: at.toISOString(), reason })

export function downloadView(download: Download) {
  return {
    platform: download.platform,
    version: download.version,
    download_url: download.url,
    expires_in_seconds: linkSeconds,
    filename: download.filename,
    size: download.size,
    sha256: download.sha256,
    expires_at: download.expiresAt.toISOString(),
  }
}

export function listedView({ version, metadata, notes, yank }: Listed) {
  return {
    version,
    channel: metadata?.channel ?? null,
    released_at: metadata?.released_at ?? null,
    platforms: metadata?.platforms ?? {},
    notes,
    yanked: yank === undefined ? null : yankView(yank),
    ...(metadata === undefined ? { unreadable: true } : {}),
  }
}

export const keyView = ({ id, publicKey, current, revoked }: PublishedKey) => ({
  ...{ key_id: id, algorithm: 'Ed25519', public_key: publicKey, current, revoked },
})
