import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { canonicalMetadata } from '../../src/binary-releases/catalogue/canonical-metadata.ts'
import { metadataSchema } from '../../src/binary-releases/catalogue/metadata.ts'
import { createSigningKey } from '../../src/binary-releases/downloads/signing.ts'
import { capstan } from '../cli/run.ts'
import { contentOf, platforms, startWorld, type World } from './harness.ts'

let world: World
let folder: string
let run: (...args: string[]) => ReturnType<typeof capstan>
beforeAll(async () => {
  world = await startWorld('folder', {}, true)
  folder = mkdtempSync(join(tmpdir(), 'capstan-publish-'))
  const env = { CAPSTAN_URL: world.api.origin, CAPSTAN_TOKEN: world.publisher }
  run = (...args) => capstan(['release', ...args], { env })
})
afterAll(async () => {
  await world?.stop()
  rmSync(folder, { recursive: true, force: true })
})

const nameOf = (version: string, platform: string) => world.layout.fileName(version, platform)
function put(version: string, chosen = platforms): void {
  for (const platform of chosen)
    writeFileSync(join(folder, nameOf(version, platform)), contentOf(`${version} ${platform}`))
}

describe('capstan release', () => {
  it('publishes a folder, with plain lines if the output is not a terminal', async () => {
    put('1.0.0')
    const notes = join(folder, 'notes.md')
    writeFileSync(notes, '# First')
    const { code, out, err } = await run('publish', folder, '--version', '1.0.0', '--notes', notes)
    expect([code, err]).toEqual([0, ''])
    expect(out).toContain(`Sent ${nameOf('1.0.0', 'linux-x86_64')}`)
    expect(out).toContain('Published 1.0.0; stable points to it')
    expect(out + err).not.toContain('\r')
    const list = await run('list', '--json')
    expect(JSON.parse(list.out).releases).toMatchObject([{ version: '1.0.0', notes: '# First' }])
  })

  it('draws progress bars on a terminal', async () => {
    put('1.0.1')
    const env = { CAPSTAN_URL: world.api.origin, CAPSTAN_TOKEN: world.publisher }
    const args = ['release', 'publish', folder, '--version', '1.0.1', '--channel', 'beta']
    const { code, err } = await capstan(args, { env, terminal: true })
    expect(code).toBe(0)
    expect(err.replaceAll(String.fromCharCode(27), '')).toMatch(/\r\[K\[=* *\] +\d+ % {2}Sending /)
  })

  it('reports missing files before any upload, and leaves no draft', async () => {
    put('1.0.2', platforms.slice(0, 1))
    const nowhere = await run('publish', `${folder}/none`, '--version', '1.0.2')
    expect([nowhere.code, nowhere.err]).toEqual([2, `error: There is no folder ${folder}/none\n`])
    const { code, err } = await run('publish', folder, '--version', '1.0.2')
    expect([code, err]).toEqual([2, expect.stringContaining(nameOf('1.0.2', 'windows-x86_64'))])
    expect((await world.call('/releases/1.0.2/draft')).status).toBe(404)
    expect((await run('publish', folder, '--version', '1.0.2', '--platform', platforms[0] ?? '')).code).toBe(
      0,
    )
    expect((await run('publish', folder, '--version', 'nope')).code).toBe(2)
    const again = await run('publish', folder, '--version', '1.0.2', '--platform', platforms[0] ?? '')
    expect([again.code, again.err]).toEqual([2, expect.stringContaining('[STATE_001]')])
  })

  it('resumes an interrupted upload', async () => {
    const [platform = ''] = platforms
    const { part } = world.store.limits
    const content = Buffer.alloc(4 * part + 1, 'resume ')
    const file = join(folder, nameOf('1.1.0', platform))
    writeFileSync(file, content)
    await world.draft('1.1.0', 'stable', { platforms: [platform] })
    const { json } = await world.declare('1.1.0', platform, content)
    const [first] = json.upload.parts
    const sent = await fetch(first.url, { method: 'PUT', body: content.subarray(0, part) })
    const parts = [{ number: 1, etag: sent.headers.get('etag') }]
    const { size, sha256 } = json
    await world.call('/releases/1.1.0/files', { json: { platform, size, sha256, parts } })
    const { code, out } = await run('publish', folder, '--version', '1.1.0', '--platform', platform)
    expect([code, out]).toEqual([
      0,
      expect.stringContaining(`Sending ${nameOf('1.1.0', platform)} (resuming)`),
    ])
    expect((await run('verify', file)).code).toBe(0)
  })

  it('promotes and withdraws versions', async () => {
    const promoted = await run('promote', '1.0.0')
    expect([promoted.code, promoted.out]).toEqual([0, 'stable points to 1.0.0 (previously 1.1.0)\n'])
    const yanked = await run('yank', '1.0.0', '--reason', 'broken')
    expect([yanked.code, yanked.out]).toEqual([
      0,
      'Withdrew 1.0.0: its downloads are refused\nstable returned to 1.1.0\n',
    ])
    expect((await run('list')).out).toContain('withdrawn: broken')
    expect((await run('promote', '1.0.0')).code).toBe(2)
  })
})

describe('capstan release verify', () => {
  const version = '5.0.0'
  const platform = 'linux-x86_64'
  let file: string
  let metadataFile: string
  let signatureFile: string
  beforeAll(async () => {
    put(version)
    expect((await run('publish', folder, '--version', version)).code).toBe(0)
    file = join(folder, nameOf(version, platform))
    const objects = join(world.dataDir, 'release-store', 'objects')
    metadataFile = join(objects, world.layout.metadata(version))
    signatureFile = join(objects, world.layout.signature(version))
  })

  /** Runs the command against changed objects in the store, then restores them. */
  async function tampered(change: Record<string, (text: string) => string>, args: string[] = []) {
    const before = new Map<string, string>()
    for (const [path, edit] of Object.entries(change)) {
      before.set(path, await readFile(path, 'utf8'))
      await world.store.write(path.split('/objects/')[1] ?? '', {
        body: edit(before.get(path) ?? ''),
        contentType: 'application/json',
      })
    }
    // A new web process has an empty cache.
    const other = await startOther()
    const env = { CAPSTAN_URL: other.origin, CAPSTAN_TOKEN: world.publisher }
    const ran = await capstan(['release', 'verify', file, ...args], { env })
    await other.stop()
    for (const [path, body] of before)
      await world.store.write(path.split('/objects/')[1] ?? '', { body, contentType: 'application/json' })
    return ran
  }
  async function startOther() {
    const { createTestContext } = await import('../helpers/context.ts')
    const { startApi } = await import('../helpers/api.ts')
    const ctx = await createTestContext({ env: world.env, beside: world.ctx })
    const api = await startApi(ctx)
    return {
      origin: api.origin,
      async stop() {
        await api.stop()
        await ctx.dispose()
      },
    }
  }

  it('accepts a published file, with the keys of the service or a pinned key', async () => {
    const { code, out } = await run('verify', file)
    expect([code, out]).toEqual([
      0,
      expect.stringMatching(/OK: .* is 5\.0\.0 for linux-x86_64, signed by key [0-9a-f]{16}/),
    ])
    const pem = join(folder, 'key.pem')
    writeFileSync(pem, createSigningKey(world.env.RELEASE_SIGNING_KEY).publicKey)
    expect((await run('verify', file, '--key', pem)).code).toBe(0)
    const renamed = join(folder, 'renamed.bin')
    await writeFile(renamed, await readFile(file))
    expect((await run('verify', renamed)).code).toBe(2)
    expect((await run('verify', renamed, '--version', version, '--platform', platform)).code).toBe(0)
  })

  it('refuses every kind of tampering with exit code 1 and a clear message', async () => {
    const refused = (ran: Awaited<ReturnType<typeof capstan>>, why: string) => {
      expect([ran.code, ran.out.includes('OK'), ran.err]).toEqual([
        1,
        false,
        expect.stringContaining('NOT VERIFIED'),
      ])
      expect(ran.err).toContain(why)
    }
    const bytes = await readFile(file)
    const changed = Buffer.from(bytes)
    changed[10] = (changed[10] ?? 0) ^ 1
    const forged = (await import('./harness.ts')).sha256(changed)
    await writeFile(file, changed)
    refused(await run('verify', file), 'the file has SHA-256')
    // The checksum in the metadata is changed to that of the forged file.
    const own = (await import('./harness.ts')).sha256(bytes)
    const swap = (text: string) => text.replace(own, forged)
    refused(await tampered({ [metadataFile]: swap }), 'the signature does not match')
    // The forged metadata is signed with the forger's key.
    const thief = createSigningKey(
      generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    )
    const resign = (keyId?: string) => (text: string) => {
      const metadata = metadataSchema.parse(JSON.parse(swap(originalMetadata)))
      const signature = thief.sign(canonicalMetadata(metadata))
      return JSON.stringify({ ...signature, key_id: keyId ?? (text && signature.key_id) })
    }
    const originalMetadata = await readFile(metadataFile, 'utf8')
    refused(
      await tampered({ [metadataFile]: swap, [signatureFile]: resign() }),
      'which the service does not know',
    )
    const genuine = createSigningKey(world.env.RELEASE_SIGNING_KEY)
    refused(
      await tampered({ [metadataFile]: swap, [signatureFile]: resign(genuine.id) }),
      'the signature does not match',
    )
    // The published key itself is replaced by the forger's key.
    await writeFile(file, bytes)
    const pem = join(folder, 'thief.pem')
    writeFileSync(pem, thief.publicKey)
    refused(await run('verify', file, '--key', pem), 'not by the given key')
    await world.ctx.db('release_keys').insert({ id: '0123456789abcdef', public_key: thief.publicKey })
    refused(await tampered({ [signatureFile]: resign('0123456789abcdef') }), 'does not match its id')
    // A genuine file of another platform or version has this name.
    await writeFile(file, contentOf(`${version} darwin-arm64`))
    refused(await run('verify', file), 'the file has SHA-256')
    await writeFile(file, bytes)
    const older = await readFile(metadataFile.replace(version, '1.1.0'), 'utf8')
    const olderSignature = await readFile(signatureFile.replace(version, '1.1.0'), 'utf8')
    const replayed = await tampered({ [metadataFile]: () => older, [signatureFile]: () => olderSignature })
    expect([replayed.code, replayed.out.includes('OK')]).toEqual([1, false])
    refused(
      await tampered({ [signatureFile]: (text) => text.replace('"signature":"', '"signature":"AAAA') }),
      'does not match',
    )
    const broken = await tampered({ [signatureFile]: () => '{}' })
    expect([broken.code, broken.out.includes('OK')]).not.toEqual([0, true])
    expect((await run('verify', file)).code).toBe(0)
  })

  it('refuses a release without a signature, and a revoked key', async () => {
    const { plantOldRelease } = await import('./harness.ts')
    await plantOldRelease(world, '0.9.0', 'beta')
    const old = join(folder, nameOf('0.9.0', platform))
    writeFileSync(old, contentOf(platform))
    const unsigned = await run('verify', old)
    expect([unsigned.code, unsigned.err]).toEqual([1, expect.stringContaining('the release is not signed')])
    const genuine = createSigningKey(world.env.RELEASE_SIGNING_KEY)
    world.env.RELEASE_REVOKED_KEYS = genuine.id
    const revoked = await tampered({})
    expect([revoked.code, revoked.err]).toEqual([1, expect.stringContaining('is revoked')])
  })
})
