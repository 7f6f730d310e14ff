import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { contentOf, platforms, released, sha256, startWorld, type World } from './harness.ts'

describe.each(['bucket', 'folder'] as const)('publishing to a %s', (kind) => {
  let world: World
  beforeAll(async () => {
    world = await startWorld(kind)
  })
  afterAll(() => world?.stop())

  it('makes a release of a draft, to be read by the source’s shapes', async () => {
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
})
