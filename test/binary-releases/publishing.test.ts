import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  contentOf,
  deliver,
  plantOldRelease,
  platforms,
  released,
  sha256,
  startWorld,
  type World,
} from './harness.ts'

const MIB = 1024 * 1024

describe.each(['bucket', 'folder'] as const)('publishing to a %s', (kind) => {
  let world: World
  beforeAll(async () => {
    world = await startWorld(kind)
    // R2's minimum part size instead of 64 MiB: the same code runs, and the local R2 is slow.
    if (kind === 'bucket') Object.assign(world.store.limits, { singleUpload: 6 * MIB, part: 5 * MIB })
  })
  afterAll(() => world?.stop())

  it('publishes a draft, readable in the format of the CCO Releases API', async () => {
    await released(world, '2025.11.24')
    const expected = {
      version: '2025.11.24',
      channel: 'stable',
      released_at: expect.stringMatching(/Z$/),
      platforms: Object.fromEntries(platforms.map((p) => [p, sha256(contentOf(`2025.11.24 ${p}`))])),
    }
    for (const path of ['/releases/latest', '/releases/latest?channel=stable', '/releases/2025.11.24']) {
      const { status, json } = await world.call(path)
      expect([status, json]).toEqual([200, expected])
    }
    const { status, json } = await world.call('/download/2025.11.24/windows-x86_64')
    expect([status, json]).toEqual([
      200,
      {
        platform: 'windows-x86_64',
        version: '2025.11.24',
        download_url: expect.any(String),
        expires_in_seconds: 900,
        filename: 'cco-v2025.11.24-windows-x86_64.zip',
        size: contentOf('2025.11.24 windows-x86_64').length,
        sha256: expected.platforms['windows-x86_64'],
        expires_at: expect.any(String),
      },
    ])
    const file = Buffer.from(await (await fetch(json.download_url)).arrayBuffer())
    expect(sha256(file)).toBe(json.sha256)
  })

  it('uses the object keys that programs reading the bucket directly expect', async () => {
    const read = async (key: string) => {
      const found = await world.store.read(key)
      return found === undefined || found === 'unchanged' ? undefined : found.body.toString()
    }
    const metadata = JSON.parse((await read('metadata/2025.11.24.json')) ?? '')
    expect(Object.keys(metadata)).toEqual(['channel', 'platforms', 'released_at', 'version'])
    expect(JSON.parse((await read('metadata/latest-stable.json')) ?? '')).toEqual(metadata)
    const files = platforms.map((p) => `cco-v2025.11.24-${p}.${p.startsWith('windows') ? 'zip' : 'tar.gz'}`)
    const sums = files.map((name, i) => `${metadata.platforms[platforms[i] ?? '']}  ${name}\n`)
    expect(await read('releases/2025.11.24/checksums.sha256')).toBe(sums.join(''))
    const keys = [...files, 'checksums.sha256'].map((name) => `releases/2025.11.24/${name}`)
    expect(await world.store.list('releases/')).toEqual(keys.toSorted())
    expect(await world.store.list('uploads/')).toEqual([])
  })

  it('refuses every change of a published version', async () => {
    expect((await world.draft('2025.11.24')).json.error.code).toBe('STATE_001')
    expect((await world.call('/releases/2025.11.24/publish', { method: 'POST' })).status).toBe(409)
    expect((await world.declare('2025.11.24', 'linux-x86_64', contentOf('x'))).status).toBe(409)
    for (const change of [
      world.ctx.db('binary_releases').where({ version: '2025.11.24' }).update({ channel: 'beta' }),
      world.ctx.db('binary_releases').where({ version: '2025.11.24' }).delete(),
      world.ctx.db('binary_release_files').where({ version: '2025.11.24' }).update({ size: 1 }),
    ])
      await expect(change).rejects.toMatchObject({ code: '23514' })
  })

  it('refuses a draft with missing files, and a file that differs from its declaration', async () => {
    await world.draft('2025.11.25')
    await world.upload('2025.11.25', 'darwin-arm64', contentOf('a'))
    const incomplete = await world.call('/releases/2025.11.25/publish', { method: 'POST' })
    expect([incomplete.status, incomplete.json.error.details.missing]).toEqual([
      409,
      ['linux-x86_64', 'windows-x86_64'],
    ])
    for (const platform of platforms.slice(1)) await world.upload('2025.11.25', platform, contentOf('a'))
    // A byte changes in the store after the upload.
    const [release] = await world.ctx.db('binary_releases').where({ version: '2025.11.25' })
    const key = world.layout.upload(release.id, 'linux-x86_64', 1)
    const changed = contentOf('a').toString().replace('a', 'b')
    await world.store.write(key, { body: changed, contentType: 'application/octet-stream' })
    const job = await world.work(await world.publishing('2025.11.25'))
    expect([job.state, job.error.code]).toEqual(['failed', 'STATE_001'])
    expect(job.error.message).toContain('cco-v2025.11.25-linux-x86_64.tar.gz differs in SHA-256')
    expect((await world.call('/releases/2025.11.25')).status).toBe(404)
    const draft = await world.call('/releases/2025.11.25/draft')
    expect([draft.json.state, draft.json.error.message]).toEqual(['draft', job.error.message])
    // Only the invalid file must be uploaded again.
    expect(
      (await world.call('/releases/2025.11.25/publish', { method: 'POST' })).json.error.details.missing,
    ).toEqual(['linux-x86_64'])
    await world.upload('2025.11.25', 'linux-x86_64', contentOf('a'))
    expect((await world.work(await world.publishing('2025.11.25'))).state).toBe('completed')
    expect((await world.call('/releases/latest')).json.version).toBe('2025.11.25')
  })

  it('gives a version to exactly one of two publishers', async () => {
    const other = await world.api.signIn(`rival-${kind}`, true)
    const drafts = await Promise.all(
      [world.publisher, other].map((token) =>
        world.api.call('/releases', { token, json: { version: '2.0.0', channel: 'beta' } }),
      ),
    )
    expect(drafts.map(({ status }) => status).toSorted()).toEqual([201, 409])
    const winner = drafts[0]?.status === 201 ? world.publisher : other
    for (const platform of platforms) {
      const content = contentOf(platform)
      const json = { platform, size: content.length, sha256: sha256(content) }
      const call = () => world.api.call('/releases/2.0.0/files', { token: winner, json })
      await fetch((await call()).json.upload.url, { method: 'PUT', body: content })
      expect((await call()).json.state).toBe('uploaded')
    }
    const answers = await Promise.all(
      [1, 2, 3].map(() => world.api.call('/releases/2.0.0/publish', { method: 'POST', token: winner })),
    )
    expect(answers.map(({ status }) => status).toSorted()).toEqual([202, 409, 409])
    const job = answers.find(({ status }) => status === 202)?.json.job_id
    expect(
      answers.filter(({ status }) => status === 409).map(({ json }) => json.error.details.jobId),
    ).toEqual([job, job])
    expect((await world.work(job)).state).toBe('completed')
  })

  it('takes large files in parts and resumes an interrupted upload', async () => {
    const { part, singleUpload } = world.store.limits
    const content = Buffer.alloc(singleUpload + part + 5, 'large ')
    await world.draft('2025.12.01', 'beta', { platforms: ['linux-x86_64'] })
    const first = await world.declare('2025.12.01', 'linux-x86_64', content)
    const { parts } = first.json.upload
    expect(parts.length).toBe(Math.ceil(content.length / part))
    const send = async ({
      number,
      offset,
      size,
      url,
    }: {
      number: number
      offset: number
      size: number
      url: string
    }) => {
      const put = await fetch(url, { method: 'PUT', body: content.subarray(offset, offset + size) })
      return { number, etag: put.headers.get('etag') ?? '' }
    }
    const body = { platform: 'linux-x86_64', size: content.length, sha256: sha256(content) }
    const report = async (arrived: object[]) =>
      (await world.call('/releases/2025.12.01/files', { json: { ...body, parts: arrived } })).json
    await report([await send(parts[1])])
    // A later call that knows only the file, not the parts.
    const again = await report([])
    expect(again.upload.parts.map((each: { url: string | null }) => each.url === null)).toEqual(
      parts.map((each: { number: number }) => each.number === 2),
    )
    const rest = again.upload.parts.filter((each: { url: string | null }) => each.url !== null)
    const arrived = []
    for (const each of rest) arrived.push(await send(each))
    expect((await report(arrived)).state).toBe('uploaded')
    expect((await world.work(await world.publishing('2025.12.01'))).state).toBe('completed')
    const { download_url } = (await world.call('/download/2025.12.01/linux-x86_64')).json
    const range = await fetch(download_url, { headers: { range: `bytes=${content.length - 4}-` } })
    expect(await range.text()).toBe(content.subarray(-4).toString())
    expect((await world.call('/download/2025.12.01/darwin-arm64')).status).toBe(404)
  })

  it('restarts a multipart upload that the store no longer has', async () => {
    const content = Buffer.alloc(world.store.limits.singleUpload + 1, 'lost ')
    await world.draft('2025.12.02', 'beta', { platforms: ['linux-x86_64'] })
    const first = await world.declare('2025.12.02', 'linux-x86_64', content)
    const parts = first.json.upload.parts.map(({ number }: { number: number }) => ({
      number,
      etag: '"none"',
    }))
    const json = { platform: 'linux-x86_64', size: content.length, sha256: sha256(content), parts }
    const again = await world.call('/releases/2025.12.02/files', { json })
    expect(again.json.state).toBe('pending')
    expect(again.json.upload.parts.every(({ url }: { url: string | null }) => url !== null)).toBe(true)
    expect((await world.call('/releases/2025.12.02/draft', { method: 'DELETE' })).status).toBe(200)
    expect((await world.call('/releases/2025.12.02/draft')).status).toBe(404)
  })

  it('never overwrites a release of an older publisher in the bucket', async () => {
    await plantOldRelease(world, '2025.10.01')
    const taken = await world.draft('2025.10.01')
    expect([taken.status, taken.json.error.message]).toEqual([409, 'The store already contains this version'])
    // The other release appears between the draft and its publication.
    await world.prepared('2025.10.02')
    await plantOldRelease(world, '2025.10.02', 'beta')
    const job = await world.work(await world.publishing('2025.10.02'))
    expect([job.state, job.error.message]).toEqual([
      'failed',
      'The store contains another release with this version',
    ])
    const file = await world.store.read(world.layout.file('2025.10.02', 'linux-x86_64'))
    expect(file).toMatchObject({ body: contentOf('linux-x86_64') })
  })
})

describe('a cancelled publication', () => {
  let world: World
  beforeAll(async () => {
    world = await startWorld('folder')
  })
  afterAll(() => world?.stop())

  it('becomes a draft again, unless its metadata may be visible: then it can only be completed', async () => {
    await world.prepared('1.0.0')
    const first = await world.publishing('1.0.0')
    await world.call(`/jobs/${first}/cancel`, { method: 'POST' })
    expect((await world.call('/releases/1.0.0/draft')).json.state).toBe('draft')
    const second = await world.publishing('1.0.0')
    const { publishContext } = world.ctx.binaryReleases
    const { store } = publishContext
    publishContext.store = {
      ...store,
      async write(key, object) {
        if (key.endsWith('.sig')) await world.call(`/jobs/${second}/cancel`, { method: 'POST' })
        if (key.endsWith('.sig')) throw new Error('unreachable')
        return store.write(key, object)
      },
    }
    const job = await deliver(world.ctx, world.worker, second)
    publishContext.store = store
    expect(['cancelled', 'failed']).toContain(job.state)
    const sealed = await world.call('/releases/1.0.0/draft')
    expect(sealed.json.state).toBe('sealed')
    expect((await world.declare('1.0.0', 'linux-x86_64', contentOf('other'))).status).toBe(409)
    expect((await world.call('/releases/1.0.0/draft', { method: 'DELETE' })).status).toBe(409)
    expect((await world.work(await world.publishing('1.0.0'))).state).toBe('completed')
    expect((await world.call('/releases/latest')).json.version).toBe('1.0.0')
  })
})
