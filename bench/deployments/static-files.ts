import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Agent } from 'undici'
import { createCloudHttp } from '../../src/deployments/cloudflare/http.ts'
import { createCloudflare } from '../../src/deployments/cloudflare/workers-api.ts'
import { sendAssets } from '../../src/deployments/execution/assets/send.ts'
import { startLocalCloud } from '../../src/local-cloud/index.ts'

/** Sends the static files of an app to a local cloud, then again after ten of them have changed. */
const count = Number(process.argv[2] ?? 2000)
const changed = Number(process.argv[3] ?? 10)

const accountId = '0'.repeat(32)
const token = 'a-token-of-this-benchmark-only'
const log = { debug() {}, info() {}, warn() {}, error() {} }
const dataDir = mkdtempSync(join(tmpdir(), 'capstan-bench-assets-'))
const cloud = await startLocalCloud({ host: '127.0.0.1', port: 0, dataDir, token, accountId, log })
const dispatcher = new Agent()
try {
  const http = createCloudHttp({ baseUrl: `${cloud.url}/client/v4`, apiToken: token, dispatcher })
  const contents = new Map<string, Buffer>()
  const filesOf = (round: number) =>
    Array.from({ length: count }, (_, at) => {
      const content = Buffer.from(`file ${at} of round ${at < changed ? round : 0} `.repeat(400))
      const digest = createHash('sha256').update(content).digest('hex')
      contents.set(digest, content)
      return { path: `/files/${at}.txt`, digest, size: content.length, contentType: 'text/plain' }
    })
  for (const round of [1, 2]) {
    const files = filesOf(round)
    const began = performance.now()
    const sent = await sendAssets({
      plan: { config: { script: 'bench' } },
      target: { cloud: createCloudflare(http, accountId) },
      signal: AbortSignal.timeout(120_000),
      log,
      assetFiles: async () => files,
      async *readBlob(digest: string) {
        yield contents.get(digest) ?? Buffer.alloc(0)
      },
    } as unknown as Parameters<typeof sendAssets>[0])
    const seconds = ((performance.now() - began) / 1000).toFixed(2)
    console.log(`round ${round}: ${sent.sentFiles} of ${count} files sent in ${seconds} s`)
  }
} finally {
  await cloud.stop()
  await dispatcher.close()
  rmSync(dataDir, { recursive: true, force: true })
}
