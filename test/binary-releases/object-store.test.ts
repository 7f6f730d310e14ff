import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer, text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createLinkSigner } from '../../src/binary-releases/object-store/files/signed-links.ts'
import { createFileStore } from '../../src/binary-releases/object-store/files/store.ts'
import { type ObjectStore, StoreUnreachable } from '../../src/binary-releases/object-store/index.ts'
import { createS3Store } from '../../src/binary-releases/object-store/s3/store.ts'
import { type TestStore, testStores } from './stores.ts'

const signal = () => AbortSignal.timeout(20_000)
const json = { contentType: 'application/json' }
const get = async (url: string, headers: Record<string, string> = {}) => {
  const answer = await fetch(url, { headers })
  return { status: answer.status, headers: answer.headers, body: Buffer.from(await answer.arrayBuffer()) }
}
/** On a connection of its own: the store may close one after it has refused an upload without reading it. */
const put = (url: string, body: Uint8Array<ArrayBuffer>) =>
  fetch(url, { method: 'PUT', body, headers: { connection: 'close' } })

describe.each(Object.entries(testStores))('a %s', (_name, start) => {
  let test: TestStore
  let store: ObjectStore
  beforeAll(async () => {
    test = await start()
    store = test.store
  })
  afterAll(() => test?.stop())

  it('answers a probe', () => store.probe())

  it('stores small objects and reports an unchanged one', async () => {
    expect(await store.read('metadata/none.json')).toBeUndefined()
    expect(await store.head('metadata/none.json')).toBeUndefined()
    expect(await store.write('metadata/a.json', { body: '{"a":1}', ...json })).toBe('written')
    const found = await store.read('metadata/a.json')
    if (found === undefined || found === 'unchanged') throw new Error('no such object')
    expect(found.body.toString()).toBe('{"a":1}')
    expect(await store.head('metadata/a.json')).toEqual({ size: 7, etag: found.etag })
    expect(await store.read('metadata/a.json', { etag: found.etag })).toBe('unchanged')
    await store.write('metadata/a.json', { body: '{"a":2}', ...json })
    const again = await store.read('metadata/a.json', { etag: found.etag })
    expect(again).toMatchObject({ body: Buffer.from('{"a":2}') })
    await store.remove('metadata/a.json')
    await store.remove('metadata/a.json')
    expect(await store.head('metadata/a.json')).toBeUndefined()
  })

  it('lets exactly one of many concurrent writers create an object', async () => {
    const write = (n: number) => store.write('metadata/race.json', { body: `${n}`, ...json, only: 'absent' })
    const results = await Promise.all([1, 2, 3, 4, 5, 6].map(write))
    expect(results.toSorted()).toEqual([...Array(5).fill('conflict'), 'written'])
    const found = await store.read('metadata/race.json')
    expect(found).toMatchObject({ body: Buffer.from(`${results.indexOf('written') + 1}`) })
  })

  it('replaces an object only if its etag matches', async () => {
    await store.write('metadata/swap.json', { body: 'one', ...json })
    const { etag = '' } = (await store.head('metadata/swap.json')) ?? {}
    const swap = (body: string) => store.write('metadata/swap.json', { body, ...json, only: { etag } })
    const results = await Promise.all(['two', 'three'].map(swap))
    expect(results.toSorted()).toEqual(['conflict', 'written'])
    expect(await swap('four')).toBe('conflict')
    expect(await store.write('metadata/nothing.json', { body: 'x', ...json, only: { etag } })).toBe(
      'conflict',
    )
    expect(await store.head('metadata/nothing.json')).toBeUndefined()
  })

  it('lists keys in order, from any key on', async () => {
    for (const name of ['c', 'a', 'b+1'])
      await store.write(`metadata-of-list/${name}.json`, { body: name, ...json })
    const keys = ['a', 'b+1', 'c'].map((name) => `metadata-of-list/${name}.json`)
    expect(await store.list('metadata-of-list/')).toEqual(keys)
    expect(await store.list('metadata-of-list/', keys[0])).toEqual(keys.slice(1))
    expect(await store.list('nowhere/')).toEqual([])
  })

  it('streams an object, and copies it only if it is unchanged', async () => {
    const content = randomBytes(300_000)
    const link = await store.linkToWrite('uploads/id/linux/1', content.length)
    expect((await put(link.url, content)).status).toBe(200)
    const found = await store.stream('uploads/id/linux/1', signal())
    if (found === undefined) throw new Error('no such object')
    expect(found.size).toBe(content.length)
    expect((await buffer(found.body)).equals(content)).toBe(true)
    const { etag } = found
    expect(await store.copy({ key: 'uploads/id/linux/1', etag: '"other"' }, 'releases/1/x', signal())).toBe(
      'changed',
    )
    expect(await store.copy({ key: 'uploads/none', etag }, 'releases/1/x', signal())).toBe('changed')
    expect(await store.head('releases/1/x')).toBeUndefined()
    expect(await store.copy({ key: 'uploads/id/linux/1', etag }, 'releases/1/x', signal())).toBe('copied')
    await put(link.url, randomBytes(content.length))
    expect(await store.copy({ key: 'uploads/id/linux/1', etag }, 'releases/1/x', signal())).toBe('changed')
    const copied = await store.stream('releases/1/x', signal())
    expect((await buffer(copied!.body)).equals(content)).toBe(true)
    expect(await store.stream('releases/1/none', signal())).toBeUndefined()
  })

  it('issues download links with a file name and range support, and refuses altered links', async () => {
    await store.write('releases/2/tool+1.tar.gz', { body: '0123456789', contentType: 'application/gzip' })
    const { url, expiresAt } = await store.linkToRead('releases/2/tool+1.tar.gz', 'tool+1.tar.gz')
    expect(expiresAt.getTime() - Date.now()).toBeLessThanOrEqual(900_000)
    expect(expiresAt.getTime() - Date.now()).toBeGreaterThan(890_000)
    const whole = await get(url)
    expect([whole.status, whole.body.toString()]).toEqual([200, '0123456789'])
    expect(new URL(url).search).toContain('attachment')
    const part = await get(url, { range: 'bytes=2-4' })
    expect([part.status, part.body.toString()]).toEqual([206, '234'])
    expect(part.headers.get('content-range')).toBe('bytes 2-4/10')
    expect((await get(url, { range: 'bytes=50-' })).status).toBe(416)
    for (const changed of [
      url.replace('tool', 'fool'),
      url.replace('attachment', 'inline'),
      url.replace(/(ignature=.)/, '$1x'),
      url.replace(/xpires=(\d+)/, (_, n) => `xpires=${Number(n) + 1}`),
      url.replace('releases', 'metadata'),
      `${url}&another=1`,
      url.split('?')[0]!,
    ]) {
      expect((await get(changed)).status, changed).toBeGreaterThanOrEqual(400)
    }
    expect((await put(url, Buffer.from('evil'))).status).toBe(403)
  })

  it('takes a file in parts, in any order and repeatedly', async () => {
    const { part } = store.limits
    const content = randomBytes(part * 2 + 1000)
    const pieces = [content.subarray(0, part), content.subarray(part, 2 * part), content.subarray(2 * part)]
    const key = 'uploads/id/big/1'
    const upload = await store.startParts(key)
    const send = async (number: number, body: Buffer<ArrayBuffer>) => {
      const link = await store.linkToWritePart(key, { upload, number, size: body.length })
      const answer = await put(link.url, body)
      expect(answer.status).toBe(200)
      return { number, etag: answer.headers.get('etag') ?? '' }
    }
    const third = await send(3, pieces[2]!)
    const first = await send(1, randomBytes(part))
    expect(await store.joinParts(key, upload, [{ ...first, etag: '"none"' }, third])).toBe('gone')
    expect(await store.head(key)).toBeUndefined()
    const parts = [await send(1, pieces[0]!), await send(2, pieces[1]!), third]
    expect(await store.joinParts(key, upload, parts)).toBe('joined')
    const found = await store.stream(key, signal())
    const hash = createHash('sha256')
      .update(await buffer(found!.body))
      .digest('hex')
    expect(hash).toBe(createHash('sha256').update(content).digest('hex'))
    expect(await store.joinParts(key, upload, parts)).toBe('gone')
    const other = await store.startParts('uploads/id/other/1')
    await store.dropParts('uploads/id/other/1', other)
    await store.dropParts('uploads/id/other/1', other)
    expect(await store.joinParts('uploads/id/other/1', other, parts)).toBe('gone')
  })
})

describe('an S3 bucket', () => {
  it('takes files up to 64 MiB in one piece', () => {
    const config = { endpoint: 'http://127.0.0.1:1', bucket: 'b', accessKeyId: 'a', secretAccessKey: 's' }
    expect(createS3Store(config).limits.singleUpload).toBe(64 * 1024 * 1024)
  })

  it('gets requests and links without the checksums that R2 refuses', async () => {
    const requests: { url: string; headers: Record<string, unknown>; body: string }[] = []
    const server = createServer(async (req, res) => {
      requests.push({ url: req.url ?? '', headers: req.headers, body: await text(req) })
      res.setHeader('ETag', '"e"').end('<r><UploadId>u</UploadId></r>')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const key = { accessKeyId: 'id', secretAccessKey: 'secret' }
    const store = createS3Store({ endpoint: `http://127.0.0.1:${port}`, bucket: 'a-bucket', ...key })
    await store.write('metadata/a.json', { body: '{}', ...json, only: 'absent' })
    await store.read('metadata/a.json')
    await store.startParts('k')
    const links = [
      await store.linkToRead('k', 'name'),
      await store.linkToWrite('k', 1),
      await store.linkToWritePart('k', { upload: 'u', number: 1, size: 1 }),
    ]
    await new Promise((resolve) => server.close(resolve))
    expect(requests.map(({ body }) => body)).toEqual(['{}', '', ''])
    expect(requests[0]?.headers['if-none-match']).toBe('*')
    expect(requests[0]?.headers.authorization).toContain('/auto/s3/aws4_request')
    const recorded = JSON.stringify([requests, links])
    expect(recorded).not.toMatch(/checksum|crc32|aws-chunked|trailer/i)
    for (const { url } of links) {
      const { searchParams, pathname } = new URL(url)
      expect(pathname).toBe('/a-bucket/k')
      expect(searchParams.get('X-Amz-Expires')).toBe('900')
      expect(searchParams.get('X-Amz-SignedHeaders')).toBe('host')
    }
  })

  it('counts as unreachable if it refuses the key or does not exist', async () => {
    const { startR2 } = await import('./r2-server.ts')
    const server = await startR2()
    const wrong = createS3Store({ ...server.config, secretAccessKey: 'x'.repeat(64) })
    await expect(wrong.probe()).rejects.toThrow(StoreUnreachable)
    await expect(wrong.read('metadata/a.json')).rejects.toThrow(StoreUnreachable)
    await expect(createS3Store({ ...server.config, bucket: 'another' }).read('a')).rejects.toThrow(
      StoreUnreachable,
    )
    await server.stop()
    await expect(createS3Store(server.config).probe()).rejects.toThrow(StoreUnreachable)
  })
})

describe('a folder as store', () => {
  it('keeps a joined file unchanged by a part that is still being sent', async () => {
    const root = mkdtempSync(join(tmpdir(), 'capstan-store-'))
    const links = createLinkSigner({
      publicUrl: 'http://127.0.0.1:1',
      secret: randomBytes(32),
      now: Date.now,
    })
    const store = createFileStore({ root, links })
    const upload = await store.startParts('uploads/id/f/1')
    // The file that a slow request still has open.
    const sending = await open(join(root, 'parts', upload, 'data'), 'r+')
    await sending.write('good')
    expect(await store.joinParts('uploads/id/f/1', upload, [])).toBe('joined')
    const { etag = '' } = (await store.head('uploads/id/f/1')) ?? {}
    expect(await store.copy({ key: 'uploads/id/f/1', etag }, 'releases/1.0.0/f', signal())).toBe('copied')
    await sending.write('evil', 0)
    await sending.close()
    expect(await text((await store.stream('releases/1.0.0/f', signal()))!.body)).toBe('good')
    rmSync(root, { recursive: true, force: true })
  })

  it('accepts exactly the operation of a link until the link expires', async () => {
    const { store, wait, stop } = await testStores.folder()
    const link = await store.linkToWrite('uploads/id/a/1', 4)
    expect((await put(link.url, Buffer.from('12345'))).status).toBe(413)
    expect((await put(link.url, Buffer.from('123'))).status).toBe(400)
    expect(await store.head('uploads/id/a/1')).toBeUndefined()
    expect((await put(link.url, Buffer.from('1234'))).status).toBe(200)
    expect((await get(link.url)).status).toBe(403)
    const { url } = await store.linkToRead('uploads/id/a/1', 'a')
    const answer = await get(url)
    expect(answer.headers.get('content-disposition')).toBe('attachment; filename="a"')
    wait?.(899_000)
    expect((await get(url)).status).toBe(200)
    wait?.(2000)
    expect((await get(url)).status).toBe(403)
    expect((await put(link.url, Buffer.from('1234'))).status).toBe(403)
    await stop()
  })

  it('refuses keys that lead out of its root', async () => {
    const { store, stop } = await testStores.folder()
    for (const key of ['../x', 'a/../../x', '/etc/passwd', 'a//b', '.hidden', 'a\\..\\b', 'a\0b']) {
      await expect(async () => store.read(key), key).rejects.toThrow('not a key')
    }
    await stop()
  })
})
