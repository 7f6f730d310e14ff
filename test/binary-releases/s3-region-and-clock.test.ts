import { createHash, createHmac } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { initialRegion } from '../../src/binary-releases/object-store/s3/region.ts'
import { createS3Store } from '../../src/binary-releases/object-store/s3/store.ts'

const credentials = { accessKeyId: 'the-access-key', secretAccessKey: 'the-secret-key' }
const body = '{"version":"1.0.0"}'

/** A store that requires its own region and time in signatures, as AWS does. */
class StrictStore {
  region = 'eu-central-1'
  /** Where the refusal of another region names the required one. */
  regionIn: 'header' | 'body' = 'body'
  aheadMs = 0
  readonly requests: string[] = []
  readonly #server: Server

  constructor() {
    this.#server = createServer((req, res) => {
      const url = new URL(req.url ?? '/', 'http://store')
      const signed = url.searchParams.get('X-Amz-Credential') ?? req.headers.authorization ?? ''
      const region = /\/\d{8}\/([^/]+)\/s3\/aws4_request/.exec(signed)?.[1] ?? ''
      const date = String(url.searchParams.get('X-Amz-Date') ?? req.headers['x-amz-date'])
      const at = Date.parse(date.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'))
      const now = Date.now() + this.aheadMs
      this.requests.push(`${req.method} ${region}`)
      res.setHeader('Date', new Date(now).toUTCString())
      const refuse = (status: number, code: string, more = '') => {
        res.writeHead(status, { 'content-type': 'application/xml' })
        res.end(
          req.method === 'HEAD' ? '' : `<Error><Code>${code}</Code><Message>no</Message>${more}</Error>`,
        )
      }
      if (region !== this.region) {
        if (this.regionIn === 'header') res.setHeader('x-amz-bucket-region', this.region)
        const named = this.regionIn === 'body' ? `<Region>${this.region}</Region>` : ''
        return refuse(400, 'AuthorizationHeaderMalformed', named)
      }
      const lifetime = Number(url.searchParams.get('X-Amz-Expires') ?? 900) * 1000
      if (now - at > lifetime || at - now > 900_000) return refuse(403, 'RequestTimeTooSkewed')
      res
        .writeHead(200, { etag: '"1"', 'content-type': 'application/json' })
        .end(req.method === 'HEAD' ? '' : body)
    })
  }
  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }
  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

let server: StrictStore
let endpoint: string
beforeEach(async () => {
  server = new StrictStore()
  endpoint = await server.start()
})
afterEach(() => server.stop())

const open = (region?: string) => createS3Store({ endpoint, bucket: 'releases', region, ...credentials })
const read = async (store: ReturnType<typeof open>) => {
  const found = await store.read('a')
  return typeof found === 'object' ? found.body.toString() : found
}

describe('the region of a bucket', () => {
  it('is the configured one, if any', async () => {
    expect(await read(open('eu-central-1'))).toBe(body)
    expect(server.requests).toEqual(['GET eu-central-1'])
  })

  it.each(['header', 'body'] as const)("is taken from the %s of the store's refusal, once", async (where) => {
    server.regionIn = where
    for (const configured of [undefined, 'us-east-1']) {
      server.requests.length = 0
      const store = open(configured)
      expect(await read(store)).toBe(body)
      expect(await read(store)).toBe(body)
      const first = configured ?? 'auto'
      expect(server.requests).toEqual([`GET ${first}`, 'GET eu-central-1', 'GET eu-central-1'])
    }
  })

  it('is also found by a probe, whose response has no body', async () => {
    await open().probe()
    expect(server.requests).toEqual(['HEAD auto', 'GET auto', 'HEAD eu-central-1'])
  })

  it('is correct in the first link, and updated when the bucket moves', async () => {
    const store = open()
    expect((await fetch((await store.linkToRead('a', 'a.txt')).url)).status).toBe(200)
    server.region = 'us-west-2'
    expect(await read(store)).toBe(body)
    expect((await fetch((await store.linkToRead('a', 'a.txt')).url)).status).toBe(200)
  })

  it.each([
    ['https://s3.eu-central-1.amazonaws.com', 'eu-central-1'],
    ['https://s3-us-west-2.amazonaws.com', 'us-west-2'],
    ['https://s3.us-west-004.backblazeb2.com', 'us-west-004'],
    ['https://account.r2.cloudflarestorage.com', 'auto'],
    ['http://127.0.0.1:9000', 'auto'],
  ])('is initially the one in the endpoint: %s', (url, region) => {
    expect(initialRegion({ endpoint: url, region: undefined })).toBe(region)
    expect(initialRegion({ endpoint: url, region: 'mine-1' })).toBe('mine-1')
  })
})

describe.each([30, -30, 600])('a clock that differs by %i minutes from the store', (minutes) => {
  it('does not affect requests, and links are valid for fifteen minutes of store time', async () => {
    server.aheadMs = minutes * 60_000
    const store = open('eu-central-1')
    // The link is the first request to a new process.
    const link = await store.linkToRead('a', 'a.txt')
    expect((await fetch(link.url)).status).toBe(200)
    const storeNow = Date.now() + server.aheadMs
    expect(Math.abs(link.expiresAt.getTime() - storeNow - 900_000)).toBeLessThan(10_000)
    expect(await read(store)).toBe(body)
    server.aheadMs += 16 * 60_000
    expect((await fetch(link.url)).status).toBe(403)
  })
})

it('the signature of a link covers the region', async () => {
  const { url } = await open('eu-central-1').linkToWrite('a', 1)
  const { searchParams, pathname, host } = new URL(url)
  const signature = searchParams.get('X-Amz-Signature') ?? ''
  searchParams.delete('X-Amz-Signature')
  const query = [...searchParams]
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .toSorted()
    .join('&')
  const request = ['PUT', pathname, query, `host:${host}`, '', 'host', 'UNSIGNED-PAYLOAD'].join('\n')
  const date = searchParams.get('X-Amz-Date') ?? ''
  const scope = [date.slice(0, 8), 'eu-central-1', 's3', 'aws4_request']
  const digest = createHash('sha256').update(request).digest('hex')
  const text = ['AWS4-HMAC-SHA256', date, scope.join('/'), digest].join('\n')
  const key = scope.reduce<string | Buffer>(
    (secret, part) => createHmac('sha256', secret).update(part).digest(),
    `AWS4${credentials.secretAccessKey}`,
  )
  expect(createHmac('sha256', key).update(text).digest('hex')).toBe(signature)
})
