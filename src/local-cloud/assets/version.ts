import type { CloudContext } from '../context.ts'
import { ApiError } from '../errors.ts'
import type { UploadMetadata } from '../scripts/metadata.ts'
import type { Binding } from '../store/bindings.ts'
import type { VersionAssets } from '../store/versions.ts'
import { parseAssetConfig } from './config.ts'
import { readToken } from './tokens.ts'

/**
 * The assets of a new version: those of the completion token, or with `keep_assets` those of the latest version.
 * @throws ApiError 10021 for an invalid token, 100324 for invalid rules
 */
export async function resolveAssets(
  cloud: CloudContext,
  scriptName: string,
  metadata: UploadMetadata,
  latest: VersionAssets | undefined,
): Promise<VersionAssets | undefined> {
  const { assets, keep_assets: keep = false } = metadata
  if (assets === undefined) return keep ? latest : undefined
  const config = assets.config ?? (keep ? latest?.config : undefined) ?? {}
  parseAssetConfig(config)
  if (assets.jwt !== undefined) {
    return { manifestId: await completedManifest(cloud, scriptName, assets.jwt), config }
  }
  if (!keep) throw new ApiError('invalidScript', 'assets.jwt: is required without keep_assets')
  if (latest === undefined)
    throw new ApiError('invalidScript', 'keep_assets: the Worker has no assets to keep')
  return { manifestId: latest.manifestId, config }
}

async function completedManifest(cloud: CloudContext, scriptName: string, token: string): Promise<string> {
  const { script, manifest } = await readToken(cloud, token, 'completion', 'invalidAssetToken')
  if (script !== scriptName) {
    throw new ApiError('invalidAssetToken', 'The assets token was issued for another Worker.')
  }
  const { assets } = cloud.store
  if (!assets.hasManifest(manifest) || assets.missingFiles(manifest).length > 0) {
    throw new ApiError(
      'invalidAssetToken',
      'Files of the assets token are missing. Open a new upload session.',
    )
  }
  return manifest
}

/** Checks what depends on assets: their binding, and rules that route to the Worker first. @throws ApiError 10021 */
export function checkAssetUse(
  assets: VersionAssets | undefined,
  { bindings, hasCode }: { bindings: Binding[]; hasCode: boolean },
): void {
  const bound = bindings.find(({ type }) => type === 'assets')
  if (bound !== undefined && assets === undefined) {
    throw new ApiError('invalidScript', `The binding '${bound.name}' of type assets needs assets.`)
  }
  const first = assets?.config.run_worker_first
  if (!hasCode && first !== undefined && first !== false) {
    throw new ApiError('invalidScript', 'assets.config.run_worker_first: the Worker has no code')
  }
}
