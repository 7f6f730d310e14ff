import express from 'express'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import { stripForgedIdentity } from '../../src/platform/http/protection/forwarded-identity.ts'
import { silent } from '../helpers/context.ts'
import { plantOldRelease, startWorld, type World } from './harness.ts'

const idp = 'eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJhdXRoZW50aWsifQ.c2ln'

describe('a forwarded identity from a trusted proxy', () => {
  let world: World
  beforeAll(async () => {
    world = await startWorld('folder', { TRUSTED_PROXIES: '127.0.0.1' })
    await plantOldRelease(world, '2025.11.24')
  })
  afterAll(() => world?.stop())

  it('may read releases, whatever Bearer token accompanies it', async () => {
    for (const headers of [
      {},
      { authorization: `Bearer ${idp}` },
      { authorization: 'Bearer opaque-token' },
    ]) {
      expect((await world.as('jane', '/releases/latest', headers)).status).toBe(200)
      const client = { 'x-forwarded-for': '203.0.113.9', ...headers }
      expect((await world.as('jane', '/download/2025.11.24/linux-x86_64', client)).status).toBe(200)
    }
    const row = await world.ctx.db('release_downloads').orderBy('id', 'desc').first()
    expect(row).toMatchObject({ principal: 'forwarded:jane', name: 'jane', address: '203.0.113.9' })
  })

  it('has no other permission', async () => {
    for (const path of ['/jobs', '/deploy', '/api/v1/auth/me', '/releases/1.0.0/draft'])
      expect((await world.as('admin', path)).status, path).toBe(401)
    const post = { headers: { 'x-authentik-username': 'admin' }, json: { version: '1.0.0', channel: 'beta' } }
    expect((await world.api.call('/releases', post)).status).toBe(401)
  })

  it('is required for a Bearer token that is not from this service', async () => {
    const headers = { authorization: `Bearer ${idp}` }
    expect((await world.api.call('/releases/latest', { headers })).status).toBe(401)
    expect((await world.call('/releases/latest')).status).toBe(200)
  })

  /** Encodes a header value: Node sends each character as one byte. */
  const bytes = (text: string) => Buffer.from(text, 'utf8').toString('latin1')
  const lastLink = () => world.ctx.db('release_downloads').orderBy('id', 'desc').first()

  it.each(['Łukasz', 'Ольга', '山田太郎', 'Jörg', 'à', 'François Ÿ', '🚀 rocket', 'plain'])(
    'is read and stored as UTF-8: %s',
    async (name) => {
      const answer = await world.as(bytes(name), '/download/2025.11.24/linux-x86_64')
      expect(answer.status).toBe(200)
      expect(await lastLink()).toMatchObject({ principal: `forwarded:${name}`, name })
    },
  )

  it('is one user in composed and decomposed form, and has at most 150 characters, not bytes', async () => {
    await world.as(bytes('Jo\u0308rg'), '/download/2025.11.24/linux-x86_64')
    expect(await lastLink()).toMatchObject({ name: 'Jörg' })
    expect((await world.as(bytes('山'.repeat(150)), '/releases/latest')).status).toBe(200)
    expect((await world.as(bytes('🚀'.repeat(150)), '/releases/latest')).status).toBe(200)
    expect((await world.as(bytes('山'.repeat(151)), '/releases/latest')).status).toBe(401)
  })

  it.each([
    ['Latin-1', 'J\xf6rg'],
    ['half a character', 'J\xc3'],
    ['an overlong form', '\xc0\xaf'],
    ['half of a surrogate pair', '\xed\xa0\x80'],
  ])('that is not UTF-8 is refused with the name of the header: %s', async (_what, value) => {
    const answer = await world.as(value, '/releases/latest')
    expect(answer.status).toBe(401)
    expect(answer.json.error).toMatchObject({
      code: 'ACCESS_002',
      message: 'The forwarded identity is not valid: x-authentik-username is not UTF-8',
    })
  })

  it.each(['a\u0085b', 'a\u2028b', '\u00a0'])(
    'that contains a line break or only white space is refused: %j',
    async (name) => {
      expect((await world.as(bytes(name), '/releases/latest')).status).toBe(401)
    },
  )

  it('stored with the wrong encoding is corrected by the migration', async () => {
    const { up, down } = await import('../../migrations/20261130070200_forwarded_names_decoded.ts')
    const { db } = world.ctx
    await down(db)
    const link = { version: '1', platform: 'p', address: 'a', correlation_id: 'c' }
    const names = [bytes('Jörg'), bytes('山田 – 太郎').replace(/[\x80-\x9f]/g, '-'), 'J\xf6rg', 'plain']
    for (const name of names)
      await db('release_downloads').insert({ ...link, name, principal: `forwarded:${name}` })
    await db('release_downloads').insert({ ...link, name: bytes('Jörg'), principal: 'user:1' })
    await up(db)
    const rows = await db('release_downloads').where({ version: '1' }).orderBy('id')
    expect(rows.map((row) => [row.principal, row.name])).toEqual([
      ['forwarded:Jörg', 'Jörg'],
      ...names.slice(1).map((name) => [`forwarded:${name}`, name]),
      ['user:1', bytes('Jörg')],
    ])
  })

  it('is refused if it is empty, too long or sent twice', async () => {
    expect((await world.as(' ', '/releases/latest')).status).toBe(401)
    expect((await world.as('x'.repeat(151), '/releases/latest')).status).toBe(401)
    const { port } = new URL(world.api.origin)
    const { connect } = await import('node:net')
    const text = await new Promise<string>((resolve) => {
      let received = ''
      const socket = connect(Number(port), '127.0.0.1', () =>
        socket.write(
          'GET /releases/latest HTTP/1.1\r\nHost: x\r\nX-Authentik-Username: jane\r\nX-authentik-username: root\r\nConnection: close\r\n\r\n',
        ),
      )
      socket.on('data', (chunk) => {
        received += chunk
      })
      socket.on('close', () => resolve(received))
    })
    expect(text).toMatch(/^HTTP\/1.1 401 /)
  })
})

describe('a forwarded identity from any other address', () => {
  it('is ignored', async () => {
    const world = await startWorld('folder', { TRUSTED_PROXIES: '10.0.0.0/8' })
    await plantOldRelease(world, '2025.11.24')
    // Headers of other proxies do not make the sender trusted.
    for (const headers of [{}, { 'x-forwarded-for': '10.0.0.1' }, { forwarded: 'for=10.0.0.1' }])
      expect((await world.as('jane', '/releases/latest', headers)).status).toBe(401)
    const mixed = { 'x-authentik-username': 'jane', authorization: `Bearer ${world.publisher}` }
    const answer = await world.api.call('/download/2025.11.24/linux-x86_64', { headers: mixed })
    expect(answer.status).toBe(200)
    expect((await world.ctx.db('release_downloads').first()).name).toBe('publisher')
    await world.stop()
  })

  const strip = (list: string, peer: string | undefined, times = 1) => {
    const lines: string[] = []
    const log = Object.assign(Object.create(silent), {
      warn: ({ address }: { address: string }) => lines.push(address),
    })
    const app = express().set('trust proxy', list === '' ? false : list.split(','))
    const handler = stripForgedIdentity(app.get('trust proxy fn'), log)
    const headers: Record<string, string> = {
      'x-authentik-username': 'jane',
      'x-authentik-groups': 'admins',
      accept: '*/*',
    }
    const rawHeaders = ['X-Authentik-Username', 'jane', 'x-authentik-groups', 'admins', 'Accept', '*/*']
    const req = { headers, rawHeaders, socket: { remoteAddress: peer } }
    for (let n = 0; n < times; n++) {
      Object.assign(req, { headers: { ...headers }, rawHeaders: [...rawHeaders] })
      handler(req as never, {} as never, () => undefined)
    }
    return { kept: 'x-authentik-username' in req.headers, raw: req.rawHeaders, lines, headers: req.headers }
  }

  it.each([
    ['10.0.0.0/8', '10.1.2.3', true],
    ['10.0.0.0/8', '11.1.2.3', false],
    ['10.0.0.0/8', '::ffff:10.1.2.3', true],
    ['10.0.0.0/8', '::ffff:11.1.2.3', false],
    ['192.0.2.7', '192.0.2.7', true],
    ['192.0.2.7', '192.0.2.8', false],
    ['192.0.2.7', '::ffff:192.0.2.7', true],
    ['2001:db8::/32', '2001:db8:1::5', true],
    ['2001:db8::/32', '2001:db9::5', false],
    ['::1', '::1', true],
    ['::1', '127.0.0.1', false],
    ['::ffff:10.0.0.0/104', '10.9.9.9', true],
    ['127.0.0.1,2001:db8::1', '2001:db8::1', true],
    ['', '127.0.0.1', false],
    ['127.0.0.1', undefined, false],
  ])('with %j trusted, %s counts as a proxy: %s', (list, peer, trusted) => {
    const { kept, raw, lines, headers } = strip(list, peer)
    expect(kept).toBe(trusted)
    expect(headers.accept).toBe('*/*')
    expect(raw.length).toBe(trusted ? 6 : 2)
    expect(lines).toEqual(trusted ? [] : [peer ?? ''])
  })

  it('is logged once per address, however many requests arrive', () => {
    expect(strip('10.0.0.0/8', '203.0.113.5', 500).lines).toEqual(['203.0.113.5'])
  })
})

describe('the settings of the object store', () => {
  const base = { DATABASE_URL: 'postgresql://x', SECRET_KEY: 'a-secret-key-of-the-tests-0123456789' }
  const faults = (env: object) => {
    try {
      return loadConfig({ ...base, ...env }).binaryReleases
    } catch (error) {
      return (error as { faults: string[] }).faults
    }
  }
  it('are required together', () => {
    const needs = (name: string) => `${name}: required when another R2_* variable is set`
    expect(faults({})).toMatchObject({ bucket: undefined })
    expect(faults({ R2_BUCKET: 'abc' })).toEqual(
      ['R2_ACCESS_KEY', 'R2_SECRET_KEY', 'R2_ACCOUNT_ID'].map(needs),
    )
    expect(faults({ R2_ACCOUNT_ID: 'acc', R2_ACCESS_KEY: 'a' })).toEqual([needs('R2_SECRET_KEY')])
    expect(faults({ R2_ACCOUNT_ID: 'acc', R2_ACCESS_KEY: 'a', R2_SECRET_KEY: 's' })).toMatchObject({
      bucket: { endpoint: 'https://acc.r2.cloudflarestorage.com', bucket: 'cco-releases-private' },
    })
  })
  it('are reported by name without their value', () => {
    expect(faults({ RELEASE_SIGNING_KEY: 'very-secret', RELEASE_PLATFORMS: '../x' })).toEqual([
      'RELEASE_PLATFORMS: expected names like linux-x86_64, separated by commas',
      'RELEASE_SIGNING_KEY: expected an Ed25519 private key (openssl genpkey -algorithm ed25519)',
    ])
  })
})
