import { createHash } from 'node:crypto'
import { posix } from 'node:path'
import type { AssetFile } from '../../model/request/assets.ts'

/**
 * The hash by which the cloud identifies a file. The cloud keeps the content type of the first upload with the hash, so
 * the type and the extension are part of it.
 */
export function assetHash({ digest, path, contentType }: AssetFile): string {
  const identity = JSON.stringify([digest, posix.extname(path), contentType])
  return createHash('sha256').update(identity).digest('hex').slice(0, 32)
}

/** The manifest for the cloud, and one file for each hash. */
export function manifestOf(files: AssetFile[]): {
  manifest: Record<string, { hash: string; size: number }>
  byHash: Map<string, AssetFile>
} {
  const hashed = files.map((file) => ({ hash: assetHash(file), file }))
  return {
    manifest: Object.fromEntries(hashed.map(({ hash, file }) => [file.path, { hash, size: file.size }])),
    byHash: new Map(hashed.map(({ hash, file }) => [hash, file])),
  }
}
