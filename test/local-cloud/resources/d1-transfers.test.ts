import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readBytesWithin } from '../../../src/local-cloud/api/body.ts'
import { ApiError } from '../../../src/local-cloud/errors.ts'
import { startLocalCloud } from '../../../src/local-cloud/index.ts'
import { TooLongError, textOf } from '../../../src/local-cloud/resources/bridge-call.ts'
import { deleteOldFiles } from '../../../src/local-cloud/resources/transfer-files.ts'
import { silent } from '../../helpers/context.ts'
import { createInlineRuntime } from '../../helpers/inline-runtime.ts'
import { accountId, clientOf, onCleanup, token } from '../harness.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'local-cloud-transfers-'))
const d1 = `/accounts/${accountId}/d1/database`
let shift = 0
const start = async () => {
  const about = { host: '127.0.0.1', port: 0, dataDir, token, accountId, log: silent }
  const clock = () => Date.now() + shift
  const local = await startLocalCloud({ ...about, clock, runtime: createInlineRuntime() })
  return { ...local, ...clientOf(local) }
}
let cloud: Awaited<ReturnType<typeof start>>
let database: string

beforeAll(async () => {
  cloud = await start()
  database = (await cloud.call('POST', d1, { name: 'data' })).result.uuid
})
afterAll(async () => {
  await cloud?.stop()
  rmSync(dataDir, { recursive: true, force: true })
})

const md5 = (sql: string) => createHash('md5').update(sql).digest('hex')
const init = async (sql: string): Promise<string> =>
  (await cloud.call('POST', `${d1}/${database}/import`, { action: 'init', etag: md5(sql) })).result.upload_url
const put = async (url: string, body: string) => (await fetch(url, { method: 'PUT', body })).status
const linkOf = (sql: string) => `${cloud.url}/capstan/transfers/${database}.${md5(sql)}.sql`
const files = () => readdirSync(join(dataDir, 'd1-transfers'))

/** Sends the head of an upload and no body. @returns the status of the response */
async function putHead(url: string): Promise<number | undefined> {
  const headers = { 'content-length': 32 * 1024 * 1024 }
  const req = request(url, { method: 'PUT', headers, agent: false })
  onCleanup(async () => void req.destroy())
  const answered = Promise.withResolvers<number | undefined>()
  req.on('response', ({ statusCode }) => answered.resolve(statusCode)).on('error', answered.reject)
  req.flushHeaders()
  return await answered.promise
}

test('a file is only received under a link that the cloud has issued, once', async () => {
  expect(await put(linkOf('select 1'), 'select 1')).toBe(404)
  const url = await init('select 1')
  expect(url).toBe(linkOf('select 1'))
  // A failed upload may be repeated.
  expect(await put(url, 'other')).toBe(400)
  expect(await put(url, 'select 1')).toBe(200)
  expect(await put(url, 'select 1')).toBe(404)
  expect(files()).toEqual([`${database}.${md5('select 1')}.sql`])
})

test('the body of an upload without a valid link is not waited for', async () => {
  expect(await putHead(linkOf('select 2'))).toBe(404)
  expect(await putHead(`${cloud.url}/capstan/transfers/any-name`)).toBe(404)
})

test('a link for an upload is valid for one request at a time, and for an hour', async () => {
  const url = await init('select 3')
  const first = request(url, { method: 'PUT', headers: { 'content-length': 8, expect: '100-continue' } })
  onCleanup(async () => void first.destroy())
  first.flushHeaders()
  await once(first, 'continue')
  expect(await put(url, 'select 3')).toBe(404)
  first.end('select 3')
  const [{ statusCode }] = await once(first, 'response')
  expect(statusCode).toBe(200)

  const late = await init('select 4')
  shift += 3_600_000
  expect(await put(late, 'select 4')).toBe(404)
})

test('uploads count for the rate limit', async () => {
  const url = await init('select 5')
  const { headers } = await fetch(url, { method: 'PUT', body: 'select 5' })
  expect(headers.get('ratelimit')).toMatch(/^"default";r=\d+;t=\d+$/)
})

test('a body that does not arrive in time is refused', async () => {
  const server = createServer((req, res) => {
    readBytesWithin(req, { limit: 100, timeoutMs: 20 }).catch((error: unknown) => {
      res.writeHead(error instanceof ApiError ? error.status : 500, { connection: 'close' }).end()
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onCleanup(async () => void server.close())
  expect(await putHead(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)).toBe(413)
  const slow = request({ port: (server.address() as AddressInfo).port, method: 'PUT', agent: false })
  onCleanup(async () => void slow.destroy())
  slow.write('begin')
  const [{ statusCode }] = await once(slow, 'response')
  expect(statusCode).toBe(408)
})

/** Writes a file as an import or export does. */
function writeTransfer(name: string, ageMs: number): void {
  const path = join(dataDir, 'd1-transfers', name)
  mkdirSync(join(dataDir, 'd1-transfers'), { recursive: true })
  writeFileSync(path, 'select 1')
  const written = new Date(Date.now() + shift - ageMs)
  utimesSync(path, written, written)
}

test('an export that is older than an hour is refused and deleted', async () => {
  const [old, recent] = ['a', 'b'].map((digit) => `${database}.${digit.repeat(32)}.sql`) as [string, string]
  writeTransfer(old, 3_601_000)
  writeTransfer(recent, 3_500_000)
  const read = async (name: string) => (await fetch(`${cloud.url}/capstan/transfers/${name}`)).status
  expect([await read(old), await read(recent)]).toEqual([404, 200])
  expect(files()).not.toContain(old)
  expect(files()).toContain(recent)
})

test('an upload that is older than an hour is not imported', async () => {
  const [sql, filename] = ['select 6', `${database}.${md5('select 6')}.sql`]
  writeTransfer(filename, 3_601_000)
  const body = { action: 'ingest', etag: md5(sql), filename }
  expect((await cloud.call('POST', `${d1}/${database}/import`, body)).result.error).toMatch(/not uploaded/)
})

test('old files are deleted without a further import or export', async () => {
  const old = `${database}.${'c'.repeat(32)}.sql`
  writeTransfer(old, 3_601_000)
  await cloud.stop()
  cloud = await start()
  expect(files()).not.toContain(old)
  writeTransfer(old, 3_601_000)
  await deleteOldFiles({ dataDir, clock: () => Date.now() + shift })
  expect(files()).not.toContain(old)
})

test('an answer of a store is read up to the limit only', async () => {
  const body = () => Readable.from([Buffer.from('12345'), Buffer.from('67890'), Buffer.from('more')])
  expect(await textOf({ status: 200, body: body() }, 14)).toEqual({ failed: false, text: '1234567890more' })
  const long = body()
  await expect(textOf({ status: 200, body: long }, 9)).rejects.toThrow(TooLongError)
  expect(long.destroyed).toBe(true)
})
