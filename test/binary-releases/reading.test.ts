import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { metadataSchema, parseAs } from '../../src/binary-releases/catalogue/metadata.ts'
import { contentOf, plantOldRelease, platforms, released, sha256, startWorld, type World } from './harness.ts'

let world: World
beforeAll(async () => {
  world = await startWorld('folder')
})
afterAll(() => world?.stop())

/** Requests a path unchanged: `fetch` would normalize it. */
function raw(path: string): Promise<{ status: number; body: string }> {
  const { hostname, port } = new URL(world.api.origin)
  const headers = { authorization: `Bearer ${world.publisher}` }
  return new Promise((resolve, reject) => {
    const req = request({ hostname, port, path, headers }, (res) => {
      let body = ''
      res.on('data', (chunk) => {
        body += chunk
      })
      res.on('end', () => resolve({ status: res.statusCode ?? 0, body }))
    })
    req.on('error', reject)
    req.end()
  })
}

describe('an existing bucket', () => {
  it('of an older publisher is served without changes', async () => {
    expect((await world.call('/releases/latest')).status).toBe(404)
    await plantOldRelease(world, '2025.11.24')
    const expected = {
      version: '2025.11.24',
      channel: 'stable',
      released_at: '2025-11-24T10:30:00Z',
      platforms: Object.fromEntries(platforms.map((each) => [each, sha256(contentOf(each))])),
    }
    // Absence is cached for one second.
    await expect.poll(async () => (await world.call('/releases/latest')).status, { timeout: 5000 }).toBe(200)
    expect((await world.call('/releases/latest?channel=stable&x=1')).json).toEqual(expected)
    expect((await world.call('/releases/2025.11.24')).json).toEqual(expected)
    const { json } = await world.call('/download/2025.11.24/linux-x86_64')
    expect(json).toMatchObject({
      size: null,
      expires_in_seconds: 900,
      sha256: expected.platforms['linux-x86_64'],
    })
    expect(sha256(Buffer.from(await (await fetch(json.download_url)).arrayBuffer()))).toBe(json.sha256)
    expect((await world.call('/releases/2025.11.24/signature')).status).toBe(404)
  })

  it('with invalid metadata of one release still serves and lists the others', async () => {
    const broken = (key: string, body: string) => world.store.write(key, { body, contentType: 'text/plain' })
    await broken('metadata/2025.11.20.json', '{"version":')
    await broken(
      'metadata/2025.11.21.json',
      '{"version":"2025.11.24","channel":"stable","released_at":"","platforms":{}}',
    )
    await broken('metadata/latest-beta.json', '[]')
    await broken('metadata/notes.txt', 'x')
    for (const path of [
      '/releases/2025.11.20',
      '/releases/2025.11.21',
      '/download/2025.11.20/linux-x86_64',
      '/releases/latest?channel=beta',
    ]) {
      const { status, json } = await world.call(path)
      expect([status, json.error.code, json.error.details.reason], path).toEqual([
        500,
        'SYS_001',
        'metadata_invalid',
      ])
    }
    expect((await world.call('/releases/latest')).status).toBe(200)
    const { json } = await world.call('/releases')
    expect(
      json.releases.map((each: { version: string; unreadable?: true }) => [each.version, each.unreadable]),
    ).toEqual([
      ['2025.11.24', undefined],
      ['2025.11.21', true],
      ['2025.11.20', true],
    ])
    for (const version of ['2025.11.20', '2025.11.21']) await world.store.remove(`metadata/${version}.json`)
    await world.store.remove('metadata/latest-beta.json')
  })
})

describe('an invalid read request', () => {
  it.each([
    ['/releases/latest?channel=nightly', 400],
    ['/releases/nope', 400],
    ['/releases/..%2f..%2fmetadata%2flatest-stable', 400],
    ['/releases/%2e%2e', 400],
    ['/releases/2025.11.24%2f..', 400],
    ['/releases/2025.11.24%00', 400],
    ['/releases/2025.11.24/../../x', 404],
    ['/releases/%EF%BC%92025.11.24', 400],
    ['/releases/%E0%A4%A', 400],
    [`/releases/${'1'.repeat(5000)}.0.0`, 400],
    ['/download/2025.11.24/amiga', 400],
    ['/download/2025.11.24/..%2flinux-x86_64', 400],
    ['/download/..%2f2025.11.24/linux-x86_64', 400],
    ['/download/2025.11.24/__proto__', 400],
    ['/download/2024.01.01/linux-x86_64', 404],
    ['/releases/2024.01.01', 404],
    ['/releases?cursor=Li4', 400],
    ['/release-store/metadata/latest-stable.json', 403],
    ['/release-store/..%2f..%2fsecret.key?expires=1&signature=x', 403],
    ['/', 404],
  ])('is refused: %s', async (path, status) => {
    const answer = await raw(path)
    expect(answer.status).toBe(status)
    const { error } = JSON.parse(answer.body)
    expect(error.code).toBeDefined()
    expect(answer.body).not.toContain(world.dataDir)
  })

  it('is refused without credentials or without the permission', async () => {
    for (const path of [
      '/releases/latest',
      '/releases',
      '/download/2025.11.24/linux-x86_64',
      '/releases/keys',
    ]) {
      const { status, headers } = await world.api.call(path)
      expect([status, headers.get('www-authenticate')], path).toEqual([401, 'Bearer realm="capstan"'])
    }
    const reader = await world.api.signIn('reader')
    expect((await world.api.call('/releases/latest', { token: reader })).status).toBe(200)
    const json = { version: '3.0.0', channel: 'beta' }
    expect((await world.api.call('/releases', { token: reader, json })).status).toBe(403)
  })
})

describe('a download', () => {
  it('follows its link, and every issued link is recorded and counted', async () => {
    const before = (await world.call('/releases/2025.11.24/downloads')).json.links['linux-x86_64'] ?? 0
    const answer = await world.call('/download/2025.11.24/linux-x86_64?redirect=1')
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([302, 'private, no-store'])
    const file = await fetch(answer.headers.get('location') ?? '')
    expect(sha256(Buffer.from(await file.arrayBuffer()))).toBe(sha256(contentOf('linux-x86_64')))
    await Promise.all(Array.from({ length: 30 }, () => world.call('/download/2025.11.24/linux-x86_64')))
    const { json } = await world.call('/releases/2025.11.24/downloads')
    expect(json.links['linux-x86_64']).toBe(before + 31)
    const rows = await world.ctx.db('release_downloads').where({ platform: 'linux-x86_64' })
    expect(rows).toHaveLength(before + 31)
    expect(rows.at(-1)).toMatchObject({ version: '2025.11.24', name: 'publisher', address: '127.0.0.1' })
    expect(rows.at(-1).principal).toMatch(/^user:/)
  })
})

describe('channels', () => {
  const latest = async (channel = 'stable') => {
    const { status, json } = await world.call(`/releases/latest?channel=${channel}`)
    return status === 200 ? json.version : status
  }
  const pointer = async (channel = 'stable') => {
    const found = await world.store.read(`metadata/latest-${channel}.json`)
    return found === undefined || found === 'unchanged' ? undefined : JSON.parse(found.body.toString())
  }
  const post = async (path: string, json: object) => {
    const answer = await world.call(path, { json })
    const jobs = [
      answer.json.job_id,
      ...(answer.json.channels ?? []).map((each: { job_id: string }) => each.job_id),
    ]
    return { answer, follow: async () => Promise.all(jobs.filter(Boolean).map((id) => world.work(id))) }
  }

  it('move immediately in both directions, and the pointer in the bucket follows', async () => {
    await released(world, '2025.12.01')
    expect([await latest(), (await pointer()).version]).toEqual(['2025.12.01', '2025.12.01'])
    const { answer, follow } = await post('/releases/2025.11.24/promote', { channel: 'stable' })
    expect([answer.status, answer.json]).toMatchObject([200, { channel: 'stable', previous: '2025.12.01' }])
    expect([await latest(), (await pointer()).version]).toEqual(['2025.11.24', '2025.12.01'])
    await follow()
    expect([await latest(), (await pointer()).version]).toEqual(['2025.11.24', '2025.11.24'])
    await (await post('/releases/2025.12.01/promote', { channel: 'beta' })).follow()
    expect(await pointer('beta')).toMatchObject({ version: '2025.12.01', channel: 'beta' })
    expect((await world.call('/releases/2025.12.01')).json.channel).toBe('stable')
    await (await post('/releases/2025.12.01/promote', { channel: 'stable' })).follow()
    const audit = await world.ctx.db('audit_entries').where({ action: 'release.promote' })
    expect(audit.map(({ target }) => target)).toContain('2025.11.24 -> stable')
    expect((await post('/releases/2024.01.01/promote', { channel: 'beta' })).answer.status).toBe(404)
    await world.draft('4.0.0')
    expect((await post('/releases/4.0.0/promote', { channel: 'beta' })).answer.status).toBe(404)
  })

  it('return to the previous version that is not withdrawn when a version is withdrawn', async () => {
    const { answer, follow } = await post('/releases/2025.12.01/yank', { reason: 'eats disks' })
    const moved = answer.json.channels.map(({ channel, version }: { channel: string; version: string }) => [
      channel,
      version,
    ])
    expect(moved).toEqual([
      ['beta', null],
      ['stable', '2025.11.24'],
    ])
    expect([await latest(), await latest('beta')]).toEqual(['2025.11.24', 404])
    await follow()
    expect([await latest(), (await pointer()).version, await pointer('beta')]).toEqual([
      '2025.11.24',
      '2025.11.24',
      undefined,
    ])
    const download = await world.call('/download/2025.12.01/linux-x86_64')
    expect([download.status, download.json.error.code]).toEqual([410, 'STATE_002'])
    const release = await world.call('/releases/2025.12.01')
    expect(release.json.yanked).toMatchObject({ reason: 'eats disks' })
    expect((await post('/releases/2025.12.01/promote', { channel: 'beta' })).answer.status).toBe(409)
    // A second withdrawal changes nothing, not even the reason.
    const again = await post('/releases/2025.12.01/yank', { reason: 'other' })
    expect([again.answer.status, again.answer.json.yanked.reason]).toEqual([200, 'eats disks'])
    const list = (await world.call('/releases')).json.releases
    expect(list[0]).toMatchObject({ version: '2025.12.01', yanked: { reason: 'eats disks' } })
  })

  it('never show a withdrawn version, even if another program sets the pointer to it', async () => {
    const old = await pointer()
    const body = JSON.stringify({ ...old, version: '2025.12.01' })
    await world.store.write('metadata/latest-stable.json', { body, contentType: 'application/json' })
    await world.ctx.db.raw(`select pg_notify('release_state', '')`)
    await expect.poll(() => latest()).toBe('2025.11.24')
    await world.store.write('metadata/latest-stable.json', {
      body: JSON.stringify(old),
      contentType: 'application/json',
    })
  })

  it('answer update checks with the version to update to, or the reason for none', async () => {
    const ask = async (query: string) => {
      const { status, json, headers } = await world.call(`/releases/updates?${query}`)
      return status === 204 ? headers.get('x-update-reason') : json?.version
    }
    const on = (current: string, more = '') => ask(`current=${current}&platform=linux-x86_64${more}`)
    expect(await on('2025.11.23')).toBe('2025.11.24')
    expect(await on('2025.11.24')).toBe('up-to-date')
    expect(await on('2026.01.01')).toBe('current-is-newer')
    // A client on a withdrawn version is offered even an older one.
    expect(await on('2025.12.01')).toBe('2025.11.24')
    expect(await on('2025.11.23', '&channel=beta')).toBe('no-release')
    expect((await world.call('/releases/updates?current=x&platform=linux-x86_64')).status).toBe(400)
    // Versions of equal precedence are no update: the client would be offered them forever.
    for (const equal of ['2025.11.24.0', '2025.11.24%2Bbuild.7'])
      expect(await on(equal), equal).toBe('up-to-date')
  })

  it.each(['utf8', 'utf16le'] as const)(
    'accept metadata that begins with a byte order mark, in %s',
    async (encoding) => {
      const version = encoding === 'utf8' ? '0.1.0' : '0.2.0'
      const body = JSON.stringify({
        version,
        channel: 'beta',
        released_at: '2025-01-01T00:00:00Z',
        platforms: {},
      })
      expect(parseAs(metadataSchema, Buffer.from(`\uFEFF${body}`, encoding))).toMatchObject({ version })
      if (encoding !== 'utf8') return
      await world.store.write(`metadata/${version}.json`, {
        body: `\uFEFF${body}`,
        contentType: 'application/json',
      })
      expect((await world.call(`/releases/${version}`)).json).toMatchObject({ version })
      await world.store.remove(`metadata/${version}.json`)
    },
  )

  it('are filtered in a paginated list', async () => {
    for (const version of ['1.0.0', '1.1.0-rc.1', '1.1.0']) await plantOldRelease(world, version, 'beta')
    await world.ctx.db.raw(`select pg_notify('release_state', '')`)
    const listed: string[] = []
    let cursor = ''
    await expect
      .poll(async () => (await world.call('/releases?channel=beta')).json.releases.length, {
        timeout: 15_000,
      })
      .toBe(3)
    do {
      const { json } = await world.call(`/releases?channel=beta&limit=2${cursor}`)
      listed.push(...json.releases.map(({ version }: { version: string }) => version))
      cursor = json.next_cursor === null ? '' : `&cursor=${json.next_cursor}`
    } while (cursor !== '')
    expect(listed).toEqual(['1.1.0', '1.1.0-rc.1', '1.0.0'])
  })
})
