import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { localCloudCredentials, localCloudDir } from '../../../src/local-cloud/index.ts'
import { temporaryDir } from '../harness.ts'

test('credentials are created once, readable only by their owner, and overridden by the environment', () => {
  const dataDir = temporaryDir()
  const made = localCloudCredentials(dataDir)
  expect(made.accountId).toMatch(/^[0-9a-f]{32}$/)
  expect(localCloudCredentials(dataDir)).toEqual(made)
  const file = join(localCloudDir(dataDir), 'credentials.json')
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(localCloudCredentials(dataDir, 'from-outside')).toEqual({ ...made, apiToken: 'from-outside' })
  expect(readFileSync(file, 'utf8')).not.toContain('from-outside')
})

test('processes that start concurrently get the same credentials', async () => {
  const dataDir = temporaryDir()
  const module = new URL('../../../src/local-cloud/credentials.ts', import.meta.url).href
  const code = `
    const { parentPort } = require('node:worker_threads')
    import(${JSON.stringify(module)}).then(({ localCloudCredentials }) =>
      parentPort.postMessage(localCloudCredentials(${JSON.stringify(dataDir)})))`
  const started = Array.from({ length: 4 }, () => {
    const worker = new Worker(code, { eval: true, execArgv: [] })
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    worker.once('message', resolve).once('error', reject)
    return promise
  })
  const all = await Promise.all(started)
  expect(new Set(all.map((one) => JSON.stringify(one))).size).toBe(1)
  expect(readdirSync(localCloudDir(dataDir))).toEqual(['credentials.json'])
})

test('the error for an invalid credentials file names the file without quoting it', () => {
  const dataDir = temporaryDir()
  localCloudCredentials(dataDir)
  writeFileSync(join(localCloudDir(dataDir), 'credentials.json'), 'secret-looking text')
  expect(() => localCloudCredentials(dataDir)).toThrow(/credentials.json does not contain/)
  expect(() => localCloudCredentials(dataDir)).not.toThrow(/secret-looking/)
})
