import type { CloudHttp } from './http.ts'
import { createAssetUploads } from './workers/assets.ts'
import { pathsOf } from './workers/paths.ts'
import { createScripts } from './workers/scripts.ts'
import { createScriptSettings } from './workers/settings.ts'
import type { Cloudflare } from './workers/types.ts'
import { createUploads } from './workers/uploads.ts'
import { createVersions } from './workers/versions.ts'

export { allTo, withTraffic } from './workers/traffic.ts'
export type * from './workers/types.ts'

/** A client for one account. Answers are checked by shape; unknown fields and enum values are accepted. */
export function createCloudflare(http: CloudHttp, accountId: string): Cloudflare {
  const paths = pathsOf(accountId)
  return {
    ...createScripts(http, paths),
    ...createVersions(http, paths),
    ...createUploads(http, paths),
    ...createAssetUploads(http, paths),
    ...createScriptSettings(http, paths.script),
  }
}
