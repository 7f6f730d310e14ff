import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  copyImage,
  createRegistry,
  findManifest,
  resolveImage,
} from '../../../../src/deployments/images/registry/index.ts'
import { createOutgoing } from '../../../../src/platform/network/outgoing.ts'
import { type DockerRegistry, missing, startDockerRegistry } from './docker-registry.ts'
import { inspect, makeLayout, pullAll, push, pushed } from './images.ts'
import { startRegistryProxy } from './registry-proxy.ts'

type Proxy = Awaited<ReturnType<typeof startRegistryProxy>>

const signal = AbortSignal.timeout(120_000)
const dispatcher = createOutgoing()
const mega = 1024 * 1024

describe.skipIf(missing !== undefined)('an image', () => {
  let from: DockerRegistry
  let to: DockerRegistry
  let source: Proxy
  let destination: Proxy
  beforeAll(async () => {
    ;[from, to] = await Promise.all([startDockerRegistry(), startDockerRegistry({ relativeUrls: true })])
    source = await startRegistryProxy(from.port)
    destination = await startRegistryProxy(to.port)
  })
  afterAll(async () => {
    await dispatcher.destroy()
    await Promise.all([source?.stop(), destination?.stop()])
    await Promise.all([from?.stop(), to?.stop()])
  })
  beforeEach(() => {
    source.reset()
    destination.reset()
  })

  /** Copies through the two proxies. @returns what became of each blob. */
  async function copy(repository: string, options: { chunkBytes?: number; tag?: string; as?: string } = {}) {
    const registry = createRegistry({ host: source.host, dispatcher })
    const { image, digest } = await resolveImage({ registry, repository }, 'one', signal)
    const how: string[] = []
    const result = await copyImage({
      source: { registry, repository },
      destination: {
        registry: createRegistry({ host: destination.host, dispatcher }),
        repository: options.as ?? repository,
        tag: options.tag ?? 'dep-1',
      },
      image,
      signal,
      onBlob: (blob) => how.push(blob.how),
      ...(options.chunkBytes === undefined ? {} : { chunkBytes: options.chunkBytes }),
    })
    return { image, digest, how, ...result }
  }

  async function expectSame(repository: string, tag = 'dep-1') {
    const before = await inspect(`${from.host}/${repository}:one`)
    const after = await inspect(`${to.host}/${repository}:${tag}`)
    expect(after).toEqual(before)
    expect((await inspect(`${to.host}/${repository}@${before.digest}`)).digest).toBe(before.digest)
    await pullAll(`${to.host}/${repository}:${tag}`)
    return before.digest
  }

  test('is copied byte for byte, and a second run sends nothing', async () => {
    await pushed([{ layers: [mega, 2 * mega, 100] }], `${from.host}/plain/app:one`)
    const first = await copy('plain/app')
    expect(first.how).toEqual(['copied', 'copied', 'copied', 'copied'])
    expect(first.digest).toBe(await expectSame('plain/app'))
    expect(first.copiedBytes).toBeGreaterThan(3 * mega)

    destination.reset()
    const again = await copy('plain/app', { tag: 'dep-2' })
    expect(again).toMatchObject({ copiedBytes: 0, how: [] })
    expect(destination.calls.filter(({ method }) => method !== 'HEAD' && method !== 'GET')).toEqual([
      expect.objectContaining({ method: 'PUT', path: '/v2/plain/app/manifests/dep-2' }),
    ])
    await expectSame('plain/app', 'dep-2')
  })

  test('of an index is copied for linux/amd64, under its own digest', async () => {
    const arm = { os: 'linux', architecture: 'arm64' }
    await pushed([{ layers: [10], platform: arm }, { layers: [20] }], `${from.host}/multi:one`)
    const index = await inspect(`${from.host}/multi:one`)
    const { digest, image } = await copy('multi')
    expect(digest).toBe(index.digest)
    expect(image.digest).toBe(index.manifest.manifests[1].digest)
    expect((await inspect(`${to.host}/multi:dep-1`)).digest).toBe(image.digest)
    await pullAll(`${to.host}/multi:dep-1`)
  })

  test.each([
    [
      'an index without it',
      [
        { os: 'linux', architecture: 'arm64' },
        { os: 'windows', architecture: 'amd64' },
      ],
    ],
    ['a single image', [{ os: 'linux', architecture: 'arm64' }]],
  ])('for another platform is refused: %s', async (_, platforms) => {
    await pushed(
      platforms.map((platform) => ({ layers: [10], platform })),
      `${from.host}/foreign/platform:one`,
    )
    await expect(copy('foreign/platform')).rejects.toThrow(/linux\/amd64/)
  })

  test('with non-distributable layers is copied without them', async () => {
    const foreign = 'https://example.com/base-layer'
    await pushed([{ layers: [1000], foreign }], `${from.host}/partly:one`)
    const { how, image } = await copy('partly')
    expect(image.layers).toHaveLength(2)
    expect(how).toEqual(['copied', 'copied'])
    expect(await inspect(`${to.host}/partly:dep-1`)).toEqual(await inspect(`${from.host}/partly:one`))
  })

  test('in the same registry is mounted, not uploaded', async () => {
    await pushed([{ layers: [mega, 500] }], `${from.host}/beside:one`)
    const registry = createRegistry({ host: source.host, dispatcher })
    const { image } = await resolveImage({ registry, repository: 'beside' }, 'one', signal)
    const how: string[] = []
    await copyImage({
      source: { registry, repository: 'beside' },
      destination: { registry, repository: 'own/beside', tag: 'dep-1' },
      ...{ image, signal, onBlob: (blob) => how.push(blob.how) },
    })
    expect(how).toEqual(['mounted', 'mounted', 'mounted'])
    expect((await inspect(`${from.host}/own/beside:dep-1`)).digest).toBe(image.digest)
    await pullAll(`${from.host}/own/beside:dep-1`)
  })

  test('with large layers is sent in chunks', async () => {
    await pushed([{ layers: [2 * mega + 77] }], `${from.host}/long:one`)
    await copy('long', { chunkBytes: mega })
    const patches = destination.calls.filter(({ method }) => method === 'PATCH')
    expect(patches.map(({ headers }) => headers['content-range'])).toEqual([
      '0-1048575',
      '1048576-2097151',
      expect.stringMatching(/^2097152-/),
    ])
    await expectSame('long')
  })

  describe('with transfer faults', () => {
    const isBlob = ({ method, path }: { method: string; path: string }) =>
      method === 'GET' && path.includes('/blobs/')

    test('is resumed where a connection broke', async () => {
      await pushed([{ layers: [3 * mega] }], `${from.host}/broken/read:one`)
      const { image } = await copy('broken/read', { tag: 'probe', as: 'elsewhere' })
      const layer = image.layers[0]!
      source.reset()
      const ofLayer = ({ path }: { path: string }) => path.endsWith(layer.digest)
      source.disturb(ofLayer, { kind: 'cut answer', after: 700_000 }, 4)
      await copy('broken/read')
      const ranges = source.calls.filter(ofLayer).map(({ headers }) => headers.range)
      expect(ranges).toEqual([undefined, ...Array(4).fill(expect.stringMatching(/^bytes=\d+-\d+$/))])
      const starts = ranges.slice(1).map((range) => Number(/\d+/.exec(range ?? '')))
      expect(starts).toEqual([700_000, 1_400_000, 2_100_000, 2_800_000])
      await expectSame('broken/read')
    })

    test.each([
      ['a whole blob', 64 * mega],
      ['a piece of one', mega],
    ])('is uploaded to the end though the connection broke in %s', async (what, chunkBytes) => {
      const repository = `broken/write-${chunkBytes}`
      await pushed([{ layers: [3 * mega] }], `${from.host}/${repository}:one`)
      const isUpload = ({ method, headers }: { method: string; headers: Record<string, unknown> }) =>
        (method === 'PATCH' || method === 'PUT') && Number(headers['content-length']) > 500_000
      let cuts = 0
      destination.decide((call) =>
        isUpload(call) && ++cuts <= 2 ? { kind: 'cut request', after: 300_000 } : undefined,
      )
      await copy(repository, { chunkBytes })
      expect(cuts, what).toBeGreaterThan(2)
      await expectSame(repository)
    })

    test('is not sent twice if only the answer to an upload was lost', async () => {
      await pushed([{ layers: [mega] }], `${from.host}/lost:one`)
      let lost = 0
      destination.decide(({ method, path }) =>
        method === 'PUT' && path.includes('/uploads/') && lost++ === 0 ? { kind: 'lose' } : undefined,
      )
      await copy('lost')
      await expectSame('lost')
      const puts = destination.calls.filter(
        ({ method, path }) => method === 'PUT' && path.includes('/uploads/'),
      )
      expect(puts).toHaveLength(2)
    })

    test('honours Retry-After and survives transient faults', async () => {
      await pushed([{ layers: [1000] }], `${from.host}/busy:one`)
      let faults = 0
      const mishaps = [
        { kind: 'answer', status: 429, headers: { 'retry-after': '1' }, body: '' },
        { kind: 'answer', status: 503, body: 'overloaded' },
        { kind: 'lose' },
      ] as const
      source.decide((call) => (isBlob(call) ? mishaps[faults++] : undefined))
      const began = Date.now()
      await copy('busy')
      expect(Date.now() - began).toBeGreaterThan(900)
      expect(faults).toBeGreaterThan(3)
      await expectSame('busy')
    })

    test('is refused and not published if a layer does not match its digest', async () => {
      await pushed([{ layers: [mega] }], `${from.host}/false:one`)
      const { manifest } = await inspect(`${from.host}/false:one`)
      const { digest } = manifest.layers[0]
      source.decide(({ path }) => (path.endsWith(digest) ? { kind: 'corrupt' } : undefined))
      await expect(copy('false')).rejects.toThrow(/a layer that does not match its digest/)
      await expect(inspect(`${to.host}/false:dep-1`)).rejects.toThrow(/manifest unknown|name unknown/i)
      const head = await fetch(`http://${to.host}/v2/false/blobs/${digest}`, { method: 'HEAD' })
      expect(head.status).toBe(404)
    })

    test('fails if the registry keeps breaking off', async () => {
      await pushed([{ layers: [mega] }], `${from.host}/hopeless:one`)
      const registry = createRegistry({ host: source.host, dispatcher })
      const { image } = await resolveImage({ registry, repository: 'hopeless' }, 'one', signal)
      const layer = image.layers[0]!
      source.decide(({ path }) =>
        path.endsWith(layer.digest) ? { kind: 'cut answer', after: 0 } : undefined,
      )
      await expect(copy('hopeless')).rejects.toThrow(/broke off the transfer of a layer|did not answer/)
    })

    test('never sends its credentials to the host of a redirect', async () => {
      await pushed([{ layers: [5000] }], `${from.host}/moved:one`)
      const elsewhere = await startRegistryProxy(from.port)
      const location = (path: string) => `http://${elsewhere.host}${path}`
      source.decide(({ path }) => {
        if (path === '/v2/') {
          return { kind: 'answer', status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } }
        }
        // The blobs are in an object store.
        const moved = path.includes('/blobs/')
        return moved ? { kind: 'answer', status: 307, headers: { location: location(path) } } : undefined
      })
      const login = async () => ({ username: 'a', password: 'b' })
      const registry = createRegistry({ host: source.host, dispatcher, login })
      const { image } = await resolveImage({ registry, repository: 'moved' }, 'one', signal)
      await copyImage({
        source: { registry, repository: 'moved' },
        destination: {
          registry: createRegistry({ host: destination.host, dispatcher }),
          ...{ repository: 'moved', tag: 'dep-1' },
        },
        ...{ image, signal },
      })
      await elsewhere.stop()
      const basic = `Basic ${Buffer.from('a:b').toString('base64')}`
      const headersOf = (calls: typeof source.calls) =>
        new Set(calls.filter(({ path }) => path !== '/v2/').map(({ headers }) => headers.authorization))
      expect(headersOf(source.calls)).toEqual(new Set([basic]))
      expect(elsewhere.calls.length).toBeGreaterThanOrEqual(3)
      expect(headersOf(elsewhere.calls)).toEqual(new Set([undefined]))
      await expectSame('moved')
    })

    test('is not fetched without TLS', async () => {
      await pushed([{ layers: [5000] }], `${from.host}/unsafe:one`)
      source.decide(({ path }) =>
        path.includes('/blobs/')
          ? { kind: 'answer', status: 302, headers: { location: 'http://192.0.2.1/blob' } }
          : undefined,
      )
      await expect(copy('unsafe')).rejects.toThrow(/not https/)
    })
  })

  test('in Docker’s format keeps its format', async () => {
    const { folder, remove } = makeLayout([{ layers: [1000, 2000] }])
    await push(folder, `${from.host}/docker/format:one`, { format: 'v2s2' })
    remove()
    const { image } = await copy('docker/format')
    expect(image.mediaType).toBe('application/vnd.docker.distribution.manifest.v2+json')
    await expectSame('docker/format')
  })

  test('has its digest computed if the registry does not send it', async () => {
    await pushed([{ layers: [1000] }], `${from.host}/silent:one`)
    const { digest } = await inspect(`${from.host}/silent:one`)
    source.decide(({ path }) =>
      path.includes('/manifests/') ? { kind: 'without header', name: 'docker-content-digest' } : undefined,
    )
    const registry = createRegistry({ host: source.host, dispatcher })
    const place = { registry, repository: 'silent' }
    expect((await resolveImage(place, 'one', signal)).digest).toBe(digest)
    expect(await findManifest(place, 'one', signal)).toBe(digest)
    expect(await findManifest(place, 'two', signal)).toBeUndefined()
  })

  test('that does not exist is reported', async () => {
    await expect(copy('nowhere')).rejects.toMatchObject({ status: 404, code: 'MANIFEST_UNKNOWN' })
  })
})
