import type { CloudContext } from '../context.ts'
import { ApiError } from '../errors.ts'
import type { ManifestFile } from '../store/assets.ts'
import { writeAssetFiles } from './files.ts'
import { maxFileBytes } from './schema.ts'
import { issueToken, readToken } from './tokens.ts'

/** The limits of one upload request. */
const maxBucketFiles = 200
const maxBucketBytes = 32 * 1024 * 1024

export interface Session {
  /** The token of the uploads, or the completion token if no file is missing. */
  jwt: string
  /** The hashes of the missing files. Each bucket is the content of one upload request. */
  buckets: string[][]
}

/** Opens an upload session for a script, which need not exist. */
export async function openSession(
  cloud: CloudContext,
  script: string,
  manifest: Record<string, { hash: string; size: number }>,
): Promise<Session> {
  const files = Object.entries(manifest).map(([path, file]) => ({ path, ...file }))
  const id = cloud.store.transaction(() => cloud.store.assets.addManifest(files, cloud.clock()))
  const missing = cloud.store.assets.missingFiles(id)
  const kind = missing.length === 0 ? 'completion' : 'upload'
  return { jwt: await issueToken(cloud, { kind, script, manifest: id }), buckets: bucketsOf(missing) }
}

/** Divides files into buckets within the limits of one request, in the given order. */
export function bucketsOf(files: Omit<ManifestFile, 'path'>[]): string[][] {
  const buckets: string[][] = []
  let bytes = 0
  for (const { hash, size } of files) {
    const last = buckets.at(-1)
    if (last !== undefined && last.length < maxBucketFiles && bytes + size <= maxBucketBytes) {
      last.push(hash)
      bytes += size
    } else {
      buckets.push([hash])
      bytes = size
    }
  }
  return buckets
}

/**
 * Stores the uploaded files of a session. @returns the completion token once all files of the manifest are stored
 * @throws ApiError 10000 for an invalid token, `invalidAsset` for a file that the manifest does not list like this
 */
export async function storeFiles(
  cloud: CloudContext,
  token: string,
  files: { hash: string; contentType: string | null; content: Buffer }[],
): Promise<string | undefined> {
  const { script, manifest } = await readToken(cloud, token, 'upload', 'authentication')
  const { assets } = cloud.store
  if (!assets.hasManifest(manifest)) throw new ApiError('authentication', 'The upload session has ended.')
  for (const { hash, content } of files) {
    const size = assets.sizeInManifest(manifest, hash)
    if (size === undefined)
      throw new ApiError('invalidAsset', `The manifest does not list the hash '${hash}'.`)
    if (content.length !== size || size > maxFileBytes) {
      throw new ApiError('invalidAsset', `The file '${hash}' has ${content.length} bytes instead of ${size}.`)
    }
  }
  await writeAssetFiles(cloud.dataDir, files)
  const now = cloud.clock()
  cloud.store.transaction(() => {
    for (const { hash, contentType, content } of files) {
      assets.addFile({ hash, size: content.length, contentType, now })
    }
  })
  if (assets.missingFiles(manifest).length > 0) return undefined
  return await issueToken(cloud, { kind: 'completion', script, manifest })
}
