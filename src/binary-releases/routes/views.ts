import type { Layout } from '../catalogue/layout.ts'
import type { ListedRelease } from '../catalogue/listing.ts'
import type { Metadata } from '../catalogue/metadata.ts'
import type { Download } from '../downloads/downloads.ts'
import type { PublishedKey } from '../downloads/signatures.ts'
import { linkSeconds, type SignedLink } from '../object-store/index.ts'
import type { Upload } from '../publishing/uploads.ts'
import type { Yank } from '../store/channels.ts'
import type { Release, ReleaseFile } from '../store/releases.ts'

/** The metadata as in the bucket (the CCO Releases API); `yanked` and `stale` are added only where they apply. */
export function metadataView(metadata: Metadata, state: { stale: boolean; yank?: Yank | undefined }) {
  return {
    ...metadata,
    ...(state.yank === undefined ? {} : { yanked: yankView(state.yank) }),
    ...(state.stale ? { stale: true } : {}),
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

export function listedView({ version, metadata, notes, yank }: ListedRelease) {
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
  key_id: id,
  algorithm: 'Ed25519',
  public_key: publicKey,
  current,
  revoked,
})

/** An unpublished version and its files. */
export function draftView(release: Release, files: ReleaseFile[], layout: Layout) {
  return {
    version: release.version,
    channel: release.channel,
    state: release.state,
    notes: release.notes,
    error: release.error,
    job_id: release.jobId,
    created_at: release.createdAt.toISOString(),
    files: release.platforms.map((platform) => {
      const file = files.find((each) => each.platform === platform)
      return {
        platform,
        filename: layout.fileName(release.version, platform),
        state: file?.state ?? 'missing',
        size: file?.size ?? null,
        sha256: file?.sha256 ?? null,
      }
    }),
  }
}

export function uploadView(declared: { platform: string; size: number; sha256: string }, upload: Upload) {
  const { platform, size, sha256 } = declared
  const file = { platform, size, sha256 }
  switch (upload.kind) {
    case 'uploaded':
      return { ...file, state: 'uploaded', upload: null }
    case 'whole':
      return { ...file, state: 'pending', upload: { method: 'PUT', ...linkView(upload.link), parts: null } }
    case 'parts': {
      const parts = upload.parts.map(({ link, ...part }) => ({ ...part, ...linkView(link) }))
      return { ...file, state: 'pending', upload: { method: 'PUT', ...linkView(undefined), parts } }
    }
  }
}

const linkView = (link: SignedLink | undefined) => ({
  url: link?.url ?? null,
  expires_at: link?.expiresAt.toISOString() ?? null,
})
