import { describe, expect, test } from 'vitest'
import { CloudError, CloudUnreachable } from '../../../src/deployments/cloudflare/errors.ts'
import type { CloudAsset } from '../../../src/deployments/cloudflare/workers/assets.ts'
import { assetHash, manifestOf } from '../../../src/deployments/execution/assets/manifest.ts'
import { sendAssets } from '../../../src/deployments/execution/assets/send.ts'

type Context = Parameters<typeof sendAssets>[0]

const digestOf = (at: number) => at.toString(16).padStart(64, '0')
const fileOf = (at: number) => ({
  path: `/${at}.txt`,
  digest: digestOf(at),
  size: 3,
  contentType: 'text/plain',
})
const filesOf = (count: number) => Array.from({ length: count }, (_, at) => fileOf(at))

/** A cloud that stores hashes, one file in a bucket, and what a test lets it answer before that. */
function fakeCloud(fault: (files: CloudAsset[], token: string) => Promise<void> = async () => undefined) {
  const stored = new Set<string>()
  const sent: string[] = []
  let sessions = 0
  let wanted: string[] = []
  return {
    stored,
    sent,
    sessions: () => sessions,
    async openAssetSession(_: string, manifest: Record<string, { hash: string }>) {
      sessions += 1
      wanted = [...new Set(Object.values(manifest).map(({ hash }) => hash))]
      const missing = wanted.filter((hash) => !stored.has(hash))
      return { token: `session-${sessions}`, buckets: missing.map((hash) => [hash]) }
    },
    async uploadAssets(token: string, files: CloudAsset[]) {
      await fault(files, token)
      for (const { hash, read } of files) {
        const content = Buffer.concat(await Array.fromAsync(read())).toString()
        expect(content).toBe('abc')
        sent.push(hash)
        stored.add(hash)
      }
      return wanted.every((hash) => stored.has(hash)) ? 'completion' : undefined
    },
  }
}

function contextOf(cloud: ReturnType<typeof fakeCloud>, files = filesOf(4)) {
  const lines: string[] = []
  const given = {
    plan: { config: { script: 'app' } },
    target: { cloud },
    signal: new AbortController().signal,
    log: { info: (line: string) => lines.push(line), warn: (line: string) => lines.push(line) },
    assetFiles: async () => files,
    async *readBlob() {
      yield Buffer.from('a')
      yield Buffer.from('bc')
    },
  }
  return { context: given as unknown as Context, lines }
}

const refusal = (status: number, code: number, retryAfter?: number) =>
  new CloudError('refused', { status, code, retryAfter })

describe('static files', () => {
  test('are sent if the cloud lacks them, and the token of the last upload is used', async () => {
    const cloud = fakeCloud()
    cloud.stored.add(assetHash(fileOf(0)))
    const { context } = contextOf(cloud)
    expect(await sendAssets(context)).toEqual({ token: 'completion', sentFiles: 3, sentBytes: 9 })
    expect(cloud.sessions()).toBe(1)
  })

  test('are not sent again by a run after a crash', async () => {
    const cloud = fakeCloud()
    await sendAssets(contextOf(cloud).context)
    expect(await sendAssets(contextOf(cloud).context)).toEqual({
      token: 'session-2',
      sentFiles: 0,
      sentBytes: 0,
    })
    expect(cloud.sent).toHaveLength(4)
  })

  test('go on with a new session when the token has expired', async () => {
    const cloud = fakeCloud(async (_, token) => {
      if (token === 'session-1' && cloud.sent.length >= 2) throw refusal(401, 10000)
    })
    const { token } = await sendAssets(contextOf(cloud).context)
    expect([token, cloud.sessions()]).toEqual(['completion', 2])
    expect(new Set(cloud.sent).size).toBe(4)
  })

  test('fail if the cloud accepts no token', async () => {
    const cloud = fakeCloud(async () => {
      throw refusal(403, 10000)
    })
    await expect(sendAssets(contextOf(cloud).context)).rejects.toThrow('keeps asking')
    expect(cloud.sessions()).toBe(4)
  })

  test('are sent at most three at once', async () => {
    let open = 0
    let most = 0
    const cloud = fakeCloud(async () => {
      open += 1
      most = Math.max(most, open)
      await new Promise(setImmediate)
      open -= 1
    })
    await sendAssets(contextOf(cloud, filesOf(12)).context)
    expect(most).toBe(3)
  })

  test.each([
    ['a lost answer', () => new CloudUnreachable('connection failed')],
    ['a fault of the cloud', () => refusal(502, 0)],
    ['a rate limit', () => refusal(429, 971, 0)],
  ])('are sent again after %s', async (_, fault) => {
    const failed = new Set<string>()
    const cloud = fakeCloud(async ([file]) => {
      if (file === undefined || failed.has(file.hash)) return
      failed.add(file.hash)
      throw fault()
    })
    expect((await sendAssets(contextOf(cloud, filesOf(1)).context)).token).toBe('completion')
  })

  test('fail at once, and stop all uploads, when the cloud refuses one', async () => {
    const cloud = fakeCloud(async ([file]) => {
      if (file?.hash === assetHash(fileOf(1))) throw refusal(400, 10026)
    })
    await expect(sendAssets(contextOf(cloud, filesOf(40)).context)).rejects.toThrow('refused')
    expect(cloud.sent.length).toBeLessThan(10)
  })
})

test('the hash of a file depends on its content, its extension and its content type', () => {
  const file = fileOf(1)
  const others = [
    { ...file, digest: digestOf(2) },
    { ...file, path: '/1.html' },
    { ...file, contentType: 'text/html' },
    { ...file, contentType: null },
  ]
  expect(new Set([file, ...others].map(assetHash)).size).toBe(5)
  expect(assetHash({ ...file, path: '/elsewhere/x.txt' })).toBe(assetHash(file))
  expect(assetHash(file)).toMatch(/^[0-9a-f]{32}$/)
})

test('equal files share one upload', () => {
  const { manifest, byHash } = manifestOf([fileOf(1), { ...fileOf(1), path: '/copy.txt' }])
  expect(Object.keys(manifest)).toEqual(['/1.txt', '/copy.txt'])
  expect(byHash.size).toBe(1)
})
