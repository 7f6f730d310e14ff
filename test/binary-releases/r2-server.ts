import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Miniflare } from 'miniflare'

const bucket = 'cco-releases-private'
const accessKeyId = '0123456789abcdef0123456789abcdef'
const secretAccessKey = 'f0e1d2c3b4a5968778695a4b3c2d1e0ff0e1d2c3b4a5968778695a4b3c2d1e0f'

/**
 * Cloudflare's own local R2 with its S3 API: it verifies the signatures of requests and presigned URLs, and answers
 * conditional writes, copies, ranges and multipart uploads with R2's codes.
 */
export async function startR2() {
  const folder = mkdtempSync(join(tmpdir(), 'capstan-r2-'))
  const server = new Miniflare({
    modules: true,
    script: 'export default { fetch: () => new Response(null, { status: 404 }) }',
    host: '127.0.0.1',
    port: 0,
    defaultPersistRoot: folder,
    r2Persist: true,
    r2Buckets: { BUCKET: { id: bucket, s3Credentials: { accessKeyId, secretAccessKey } } },
  })
  const url = await server.ready
  const endpoint = `${url.origin}/cdn-cgi/local/r2/s3`
  return {
    config: { endpoint, bucket, accessKeyId, secretAccessKey },
    /** The settings of an installation that uses this bucket. */
    env: {
      R2_ENDPOINT: endpoint,
      R2_BUCKET: bucket,
      R2_ACCESS_KEY: accessKeyId,
      R2_SECRET_KEY: secretAccessKey,
    },
    async stop() {
      await server.dispose()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
