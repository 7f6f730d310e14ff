import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { CloudError, CloudUnreachable, toCodedError } from '../../../src/deployments/cloudflare/errors.ts'
import { sendAssets } from '../../../src/deployments/execution/assets/send.ts'
import { CodedError } from '../../../src/platform/errors.ts'
import { rowsOf } from '../cloudflare/error-rows.ts'

// The pauses between the tries add up to a quarter of a minute.
beforeAll(() => {
  vi.useFakeTimers({ toFake: ['setTimeout'] })
})
afterAll(() => vi.useRealTimers())

const refusal = (status: number, code = 0, retryAfter?: number) =>
  new CloudError('refused', { status, code, retryAfter })
const faults: Record<string, { at: 'session' | 'upload'; fault: () => Error }> = {
  'of a proxy': { at: 'upload', fault: () => refusal(502) },
  'no answer': { at: 'upload', fault: () => new CloudUnreachable('connection failed') },
  'Retry-After': { at: 'upload', fault: () => refusal(429, 971, 120) },
  'four sessions': { at: 'upload', fault: () => refusal(401, 10000) },
  manifest: { at: 'session', fault: () => refusal(400, 10026) },
  'may not open': { at: 'session', fault: () => refusal(403, 10000) },
}

test.each(rowsOf('Static files'))('$said is $code', async ({ said, code, status, retryable }) => {
  const [, given] = Object.entries(faults).find(([words]) => said.includes(words)) ?? []
  if (given === undefined) throw new Error(`nobody knows how to make this happen: ${said}`)
  const failIf = (at: string) => {
    if (given.at === at) throw given.fault()
  }
  const cloud = {
    async openAssetSession(_: string, manifest: Record<string, { hash: string }>) {
      failIf('session')
      return { token: 'session', buckets: Object.values(manifest).map(({ hash }) => [hash]) }
    },
    async uploadAssets() {
      failIf('upload')
      return 'completion'
    },
  }
  const context = {
    plan: { config: { script: 'app' } },
    target: { cloud },
    signal: new AbortController().signal,
    log: { info: () => undefined, warn: () => undefined },
    assetFiles: async () => [{ path: '/a.txt', digest: '0'.repeat(64), size: 1, contentType: null }],
  }
  const sent = sendAssets(context as unknown as Parameters<typeof sendAssets>[0]).catch((error: unknown) =>
    toCodedError(error, { verified: true, active: true }),
  )
  await vi.advanceTimersByTimeAsync(60_000)
  const failed = await sent
  if (!(failed instanceof CodedError)) throw new Error('it did not fail')
  expect([failed.code, failed.status, failed.retryable]).toEqual([code, status, retryable])
})
