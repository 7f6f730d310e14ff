import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadConfig } from '../../../src/config.ts'
import { ConfigError } from '../../../src/platform/errors.ts'
import { createKeyRing } from '../../../src/release-tracker/access.ts'

const s32 = (letter: string) => letter.repeat(32)

describe('the settings of the tracker', () => {
  let DATA_DIR: string
  beforeAll(() => {
    DATA_DIR = mkdtempSync(join(tmpdir(), 'capstan-keys-'))
  })
  afterAll(() => rmSync(DATA_DIR, { recursive: true, force: true }))

  const load = (env: Record<string, string>) => loadConfig({ DATA_DIR, ...env }).releaseTracker
  function faultsOf(env: Record<string, string>): string[] {
    try {
      load(env)
      return []
    } catch (error) {
      if (error instanceof ConfigError) return error.faults
      throw error
    }
  }
  const keysOf = (text: string, MODE = 'master') =>
    load({ API_KEYS: text, MODE }).apiKeys.keys.map(({ role, client }) => [role, client])

  it('are those of a standalone tracker without any', () => {
    expect(load({})).toMatchObject({
      ...{ mode: 'standalone', clientName: 'unknown', envName: 'unknown', collectEveryMs: 3_600_000 },
      ...{ namespaces: ['default'], cluster: undefined, master: undefined, apiKeys: { keys: [] } },
      rateLimits: { admin: { perSecond: 100, burst: 500 }, client: { perSecond: 100, burst: 500 } },
    })
  })

  it('know three modes', () => {
    expect(faultsOf({ MODE: 'both' })).toEqual(['MODE: expected standalone, master or slave'])
  })

  it('of a slave are complete, or it does not start', () => {
    expect(faultsOf({ MODE: 'slave' }).map((each) => each.split(':')[0])).toEqual([
      ...['CLIENT_NAME', 'ENV_NAME', 'MASTER_URL', 'MASTER_API_KEY'],
    ])
    const whole = {
      MODE: 'slave',
      CLIENT_NAME: 'a',
      ENV_NAME: 'b',
      MASTER_URL: 'https://m.example.org//',
      MASTER_API_KEY: 'k',
    }
    expect(load(whole).master).toEqual({
      ...{ url: 'https://m.example.org', apiKey: 'k', caFile: undefined, proxyUrl: undefined },
    })
    expect(loadConfig({ DATA_DIR, ...whole }).localCloud.enabled).toBe(false)
  })

  it('name keys explicitly', () => {
    const text = `admin:${s32('a')}, client(acme-corp):${s32('b')},read(acme-corp):${s32('c')}`
    expect(keysOf(text)).toEqual([
      ['admin', undefined],
      ['client', 'acme-corp'],
      ['read', 'acme-corp'],
    ])
  })

  it('know the older form: one hyphen is a client’s, none is an administrator’s', () => {
    expect(keysOf(`acme-${s32('a')},${s32('b')},ac_me-${s32('c')}`)).toEqual([
      ['client', 'acme'],
      ['admin', undefined],
      ['client', 'ac_me'],
    ])
  })

  it.each([`acme-corp-${s32('a')}`, `-${s32('a')}`, `${s32('a')}-`, '3f2504e0-4f89-41d3-9a0c-0305e82c3301'])(
    'on a master stop the start at a key that leaves open whose it is',
    (key) => {
      const [fault = ''] = faultsOf({ API_KEYS: key, MODE: 'master' })
      expect(fault).toMatch(/^API_KEYS: key 1 .*client\(<name>\):<secret>/)
      expect(fault).not.toContain(key)
      expect(keysOf(key, 'standalone')).toEqual([['admin', undefined]])
    },
  )

  it.each([
    '',
    ' , ',
    'short',
    `client():${s32('a')}`,
    `admin:${'a'.repeat(31)}`,
    `${s32('a')}!`,
    `read(<b>):${s32('a')}`,
  ])('stop the start when there is no valid key among those given: %s', (text) => {
    const [fault = ''] = faultsOf({ API_KEYS: text })
    expect(fault).toMatch(/^API_KEYS: set, but without one valid key/)
  })

  it('say how each key was read, never what it is', () => {
    const { notes } = load({
      API_KEYS: `admin:${s32('a')},too-short,client(acme):${s32('b')}`,
      MODE: 'master',
    }).apiKeys
    expect(notes).toEqual([
      'key 1: admin: reads and writes all releases',
      expect.stringMatching(/^key 2: ignored/),
      'key 3: client of acme: reads and writes releases of client acme only',
    ])
    expect(notes.join()).not.toMatch(/aaaa|bbbb|too-short/)
    expect(faultsOf({ API_KEYS: `admin:${s32('a')},client(x):${s32('a')}` })).toEqual([
      'API_KEYS: key 2 is there twice',
    ])
  })

  it.each([
    ['master', 'client(acme)', 'client of acme: reads and writes releases of client acme only'],
    ['master', 'read(acme)', 'read of acme: reads releases of client acme only'],
    [
      'standalone',
      'client(acme)',
      'client of acme: reads and writes all releases, because MODE=standalone does not separate clients',
    ],
    [
      'standalone',
      'read(acme)',
      'read of acme: reads all releases, because MODE=standalone does not separate clients',
    ],
    [
      'slave',
      'client(acme)',
      'client of acme: reads and writes all releases, because MODE=slave does not separate clients',
    ],
    ['slave', 'admin', 'admin: reads and writes all releases'],
  ])('state what a key can do when MODE is %s: %s', (MODE, entry, text) => {
    const slave = {
      CLIENT_NAME: 'a',
      ENV_NAME: 'b',
      MASTER_URL: 'https://m.example.org',
      MASTER_API_KEY: 'k',
    }
    const config = load({ MODE, API_KEYS: `${entry}:${s32('a')}`, ...(MODE === 'slave' ? slave : {}) })
    expect(config.apiKeys.notes).toEqual([`key 1: ${text}`])
    const principal = createKeyRing(config)(s32('a'))
    expect(text.includes('writes')).toBe(principal?.permissions.has('tracker:write'))
    expect(text.includes('all releases')).toBe(principal?.client === undefined)
  })

  it('of namespaces and intervals are checked', () => {
    expect(load({ NAMESPACES: 'a, b,,a' }).namespaces).toEqual(['a', 'b'])
    expect(load({ NAMESPACES: 'a,*' }).namespaces).toBe('all')
    expect(faultsOf({ NAMESPACES: ' , ' })).toHaveLength(1)
    expect(faultsOf({ NAMESPACES: 'Not A Name' })).toHaveLength(1)
    for (const COLLECTION_INTERVAL of ['0', '-5', 'soon'])
      expect(faultsOf({ COLLECTION_INTERVAL })).toHaveLength(1)
  })

  it('of the cluster: the one we are in, else the kubeconfig, else none', () => {
    const KUBERNETES_SERVICE_HOST = '10.0.0.1'
    expect(load({ KUBERNETES_SERVICE_HOST, KUBECONFIG: '/k' }).cluster).toEqual({ kind: 'in-cluster' })
    expect(load({ KUBERNETES_SERVICE_HOST, KUBECONFIG: '/k', IN_CLUSTER: 'false' }).cluster).toEqual({
      ...{ kind: 'kubeconfig', files: ['/k'] },
    })
    expect(load({ KUBECONFIG: '/a:/b' }).cluster).toMatchObject({ files: ['/a', '/b'] })
    expect(faultsOf({ IN_CLUSTER: 'true' })).toHaveLength(1)
  })
})
