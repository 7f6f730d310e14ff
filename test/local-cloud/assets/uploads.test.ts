import { expect, test } from 'vitest'
import { bucketsOf } from '../../../src/local-cloud/assets/upload.ts'
import { accountId, token } from '../harness.ts'
import {
  hashOf,
  manifestOf,
  type Site,
  sendFiles,
  startInlineCloud,
  type TestClient,
  uploadSite,
} from './site.ts'

const page = (content: string) => ({ content, type: 'text/html; charset=utf-8' })
const site: Site = { '/index.html': 'one', '/two.html': 'two', '/copy.html': 'two' }
const open = (cloud: TestClient, script: string, files: Site) =>
  cloud.script('POST', `${script}/assets-upload-session`, { manifest: manifestOf(files) })

test('a session asks for each missing file once, also for a script that does not exist yet', async () => {
  const cloud = await startInlineCloud()
  const { result } = await open(cloud, 'new', site)
  expect(result.buckets.flat().toSorted()).toEqual([hashOf('one'), hashOf('two')].toSorted())

  const first = await sendFiles(cloud, result.jwt, [{ hash: hashOf('one'), file: page('one') }])
  expect([first.status, first.jwt]).toEqual([202, undefined])
  // An interrupted upload continues with a new session, which asks only for the rest.
  const again = await open(cloud, 'new', site)
  expect(again.result.buckets).toEqual([[hashOf('two')]])
  const last = await sendFiles(cloud, again.result.jwt, [{ hash: hashOf('two'), file: page('two') }])
  expect([last.status, typeof last.jwt]).toEqual([201, 'string'])
  expect((await open(cloud, 'new', site)).result.buckets).toEqual([])
})

test('a file may be uploaded alone and without base64', async () => {
  const cloud = await startInlineCloud()
  const { result } = await open(cloud, 'app', { '/index.html': 'one' })
  const path = `/client/v4/accounts/${accountId}/workers/assets/upload/${hashOf('one')}`
  const headers = { authorization: `Bearer ${result.jwt}`, 'content-type': 'text/html; charset=utf-8' }
  const response = await fetch(`${cloud.url}${path}`, { method: 'POST', headers, body: 'one' })
  expect(response.status).toBe(201)
  const { jwt } = ((await response.json()) as { result: { jwt: string } }).result
  expect((await cloud.put('app', { assets: { jwt } })).status).toBe(200)
})

test('equal content with another type is another file', async () => {
  const cloud = await startInlineCloud()
  await uploadSite(cloud, 'app', { '/a.css': { content: 'x', type: 'text/css' } })
  const { missing } = await uploadSite(cloud, 'app', { '/a.txt': { content: 'x', type: 'text/plain' } })
  expect(missing).toHaveLength(1)
})

test.each([
  ['has another size than in the manifest', hashOf('one'), 'other'],
  ['is not in the manifest', 'f'.repeat(32), 'one'],
])('a file that %s is refused', async (_, hash, content) => {
  const cloud = await startInlineCloud()
  const { result } = await open(cloud, 'app', { '/index.html': 'one' })
  const reply = await sendFiles(cloud, result.jwt, [{ hash, file: page(content) }])
  expect([reply.status, reply.code]).toEqual([400, 10026])
  expect((await open(cloud, 'app', { '/index.html': 'one' })).result.buckets).toEqual([[hashOf('one')]])
})

test('uploads need the token of a session, and a version the completion token of its own script', async () => {
  const cloud = await startInlineCloud()
  const { result } = await open(cloud, 'app', { '/index.html': 'one' })
  const file = [{ hash: hashOf('one'), file: page('one') }]
  const codes = await Promise.all(
    [token, `${result.jwt}x`].map(async (jwt) => (await sendFiles(cloud, jwt, file)).code),
  )
  expect(codes).toEqual([10000, 10000])
  const { jwt } = await sendFiles(cloud, result.jwt, file)
  const refused = await Promise.all([
    cloud.put('app', { assets: { jwt: result.jwt } }),
    cloud.put('other', { assets: { jwt } }),
    cloud.put('app', { assets: { config: {} } }),
    cloud.put('app', { bindings: [{ type: 'assets', name: 'ASSETS' }] }),
    cloud.put('app', { assets: { jwt, config: { not_found_handling: 'sometimes' } } }),
    cloud.put('app', { assets: { jwt, config: { run_worker_first: ['no-slash'] } } }),
  ])
  expect(refused.map(({ code }) => code)).toEqual(Array(6).fill(10021))
  expect((await cloud.put('app', { assets: { jwt } })).status).toBe(200)
})

test('a token expires after an hour', async () => {
  const cloud = await startInlineCloud()
  const { result } = await open(cloud, 'app', { '/index.html': 'one' })
  const [, payload = ''] = result.jwt.split('.')
  const { iat, exp } = JSON.parse(Buffer.from(payload, 'base64url').toString())
  expect(exp - iat).toBe(3600)
})

test.each([
  [{ '/a': { hash: 'short', size: 1 } }, /32 lower-case hex/],
  [{ a: { hash: 'a'.repeat(32), size: 1 } }, /slash/],
  [{ '/a': { hash: 'a'.repeat(32), size: 26_214_401 } }, /25 MiB/],
])('the manifest %j is refused', async (manifest, message) => {
  const cloud = await startInlineCloud()
  const reply = await cloud.script('POST', 'app/assets-upload-session', { manifest })
  expect([reply.status, reply.code, reply.message]).toEqual([400, 10026, expect.stringMatching(message)])
})

test.each([
  ['_redirects', '/ok /there\n/* /index.html 200', /Line 2: Infinite loop/],
  ['_redirects', '/a /b 404', /Line 1: The status/],
  ['_redirects', '/a https://x.test/b 200', /needs a path/],
  ['_redirects', '/a /b\n/a /c', /Line 2: There is already/],
  ['_redirects', Array.from({ length: 101 }, (_, at) => `/${at}/* /x`).join('\n'), /more than 100 dynamic/],
  ['_headers', 'X-First: 1', /Line 1: A path must come before/],
  ['_headers', '/a\n/b\n  X: 1', /Line 1: The rule has no headers/],
  ['_headers', '/a/*/*\n  X: 1', /one wildcard/],
])('an invalid %s file is refused with its line', async (file, text, message) => {
  const cloud = await startInlineCloud()
  const { jwt } = await uploadSite(cloud, 'app', site)
  const reply = await cloud.put('app', { assets: { jwt, config: { [file]: text } } })
  expect([reply.status, reply.code, reply.message]).toEqual([400, 100324, expect.stringMatching(message)])
})

test('buckets hold at most 200 files and 32 MiB', () => {
  const file = (size: number, at: number) => ({ hash: String(at), size })
  const sizes = (bytes: number[]) => bucketsOf(bytes.map(file)).map((bucket) => bucket.length)
  expect(sizes(Array(401).fill(1))).toEqual([200, 200, 1])
  expect(sizes([20, 20, 5].map((mib) => mib * 1024 * 1024))).toEqual([1, 2])
})
