import type { IncomingMessage } from 'node:http'
import { sessionBody } from '../../assets/schema.ts'
import { readToken } from '../../assets/tokens.ts'
import { openSession, storeFiles } from '../../assets/upload.ts'
import type { CloudContext } from '../../context.ts'
import { ApiError } from '../../errors.ts'
import { readAsset, readAssetParts, readJson } from '../body.ts'
import type { Router } from '../router.ts'
import { usableName } from '../script-routes.ts'

const workers = '/accounts/{account}/workers'
const maxManifestBytes = 32 * 1024 * 1024

/** The route that opens an upload session. */
export function assetSessionRoutes(router: Router, cloud: CloudContext): void {
  router.on(`POST ${workers}/scripts/{script}/assets-upload-session`, async (call) => {
    const script = usableName(call)
    const { manifest } = await readJson(call.req, sessionBody, maxManifestBytes)
    return { result: await openSession(cloud, script, manifest) }
  })
}

/** The routes of the uploads. Their credential is the token of the session, not an API token. */
export function assetUploadRoutes(router: Router, cloud: CloudContext): void {
  router.on(`POST ${workers}/assets/upload`, async ({ req, query }) => {
    if (query.get('base64') !== 'true') {
      throw new ApiError('invalidAsset', 'The query parameter base64 must be true.')
    }
    return answer(await storeFiles(cloud, bearerOf(req), await readAssetParts(req)))
  })
  // Newer clients send each file on its own, without base64.
  router.on(`POST ${workers}/assets/upload/{hash}`, async ({ req, param }) => {
    const type = req.headers['content-type'] ?? 'application/null'
    const contentType = type === 'application/null' ? null : type
    const file = { hash: param('hash'), contentType, content: await readAsset(req) }
    return answer(await storeFiles(cloud, bearerOf(req), [file]))
  })
}

/** Checks the credential of an upload before its body is read. @throws ApiError 10000 */
export async function requireUploadToken(cloud: CloudContext, req: IncomingMessage): Promise<void> {
  await readToken(cloud, bearerOf(req), 'upload', 'authentication')
}

const answer = (completion: string | undefined) =>
  completion === undefined ? { result: {}, status: 202 } : { result: { jwt: completion }, status: 201 }

function bearerOf(req: IncomingMessage): string {
  const [, token] = /^Bearer (\S+)$/.exec(req.headers.authorization ?? '') ?? []
  if (token === undefined) throw new ApiError('noCredentials')
  return token
}
