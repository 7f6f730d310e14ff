/** The object keys in the bucket. Other programs read these keys too, so they never change. */
export interface Layout {
  fileName(version: string, platform: string): string
  file(version: string, platform: string): string
  checksums(version: string): string
  metadata(version: string): string
  signature(version: string): string
  pointer(channel: string): string
  /** The key of an upload until it is verified; `attempt` distinguishes a repeated upload from the replaced one. */
  upload(releaseId: string, platform: string, attempt: number): string
  /** The common prefix of all uploads of a release. */
  uploads(releaseId: string): string
}

export const metadataPrefix = 'metadata/'

export function createLayout(prefix: string): Layout {
  const fileName = (version: string, platform: string) =>
    `${prefix}-v${version}-${platform}.${platform.startsWith('windows') ? 'zip' : 'tar.gz'}`
  return {
    fileName,
    file: (version, platform) => `releases/${version}/${fileName(version, platform)}`,
    checksums: (version) => `releases/${version}/checksums.sha256`,
    metadata: (version) => `${metadataPrefix}${version}.json`,
    signature: (version) => `${metadataPrefix}${version}.json.sig`,
    pointer: (channel) => `${metadataPrefix}latest-${channel}.json`,
    upload: (releaseId, platform, attempt) => `uploads/${releaseId}/${platform}/${attempt}`,
    uploads: (releaseId) => `uploads/${releaseId}/`,
  }
}

/** The version in a metadata key; undefined for a pointer or a signature. */
export function versionOfKey(key: string): string | undefined {
  const name = key.slice(metadataPrefix.length)
  return name.endsWith('.json') && !name.startsWith('latest-') ? name.slice(0, -'.json'.length) : undefined
}
