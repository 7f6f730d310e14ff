import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadConfig } from '../../../src/config.ts'
import { requireDatabaseUrl } from '../../../src/platform/config/index.ts'
import { ConfigError } from '../../../src/platform/errors.ts'

const databaseUrl = 'postgresql://capstan:hunter2hunter2@db.example.org/capstan'
const SECRET_KEY = 'Zk3v9QmX1pLs7RwT5yBn8HdF2gJc4KaE'
const production = { DATABASE_URL: databaseUrl, SECRET_KEY }
const accountId = '0123456789abcdef0123456789abcdef'

describe('the configuration', () => {
  let DATA_DIR: string
  beforeAll(() => {
    DATA_DIR = mkdtempSync(join(tmpdir(), 'capstan-config-'))
  })
  afterAll(() => rmSync(DATA_DIR, { recursive: true, force: true }))

  const load = (env: Record<string, string>) => loadConfig({ DATA_DIR, ...env })
  function faultsOf(env: Record<string, string>): string[] {
    try {
      load(env)
    } catch (error) {
      if (error instanceof ConfigError) return error.faults
      throw error
    }
    return []
  }
  const namesOf = (env: Record<string, string>) => faultsOf(env).map((fault) => fault.split(':')[0])

  it('needs no settings; the generated secret key is permanent', () => {
    const first = load({})
    expect(first).toMatchObject({ embedded: true, databaseUrl: undefined, redisUrl: undefined, port: 8000 })
    expect(first.localCloud.enabled).toBe(true)
    expect(first.publicUrl).toBe('http://127.0.0.1:8000')
    expect(first.secretKey.length).toBeGreaterThanOrEqual(32)
    expect(load({}).secretKey).toBe(first.secretKey)
    expect(() => requireDatabaseUrl(first)).toThrow(ConfigError)
  })

  it('reports all faults together, each by its variable', () => {
    const env = {
      PORT: 'eighty',
      LOG_LEVEL: 'loud',
      REDIS_URL: 'http://redis',
      CLOUDFLARE_API_TOKEN: 'a-token',
      ENVIRONMENT: 'production',
    }
    expect(namesOf(env).toSorted()).toEqual([
      'CLOUDFLARE_ACCOUNT_ID[_PRODUCTION]',
      'CLOUDFLARE_ACCOUNT_ID[_STAGING]',
      'DATABASE_URL',
      'LOG_LEVEL',
      'PORT',
      'REDIS_URL',
      'SECRET_KEY',
    ])
  })

  it('reports a faulty variable once and not also as missing', () => {
    expect(namesOf({ ...production, SECRET_KEY: 'short' })).toEqual(['SECRET_KEY'])
    expect(namesOf({ SECRET_KEY, DATABASE_URL: 'mysql://x' })).toEqual(['DATABASE_URL'])
  })

  it('never echoes a value', () => {
    const env = {
      DATABASE_URL: 'mysql://root:hunter2@db',
      SECRET_KEY: 'hunter2',
      REDIS_URL: 'hunter2',
      ADMIN_PASSWORD: 'hunter',
      LOG_LEVEL: 'hunter2',
      PUBLIC_URL: 'hunter2',
      CLOUDFLARE_API_TOKEN: 'hunter2',
      CLOUDFLARE_ACCOUNT_ID: 'hunter2',
    }
    const faults = faultsOf(env)
    expect(faults.length).toBeGreaterThanOrEqual(6)
    expect(faults.join('\n')).not.toContain('hunter')
  })

  it('generates no settings in production', () => {
    expect(namesOf({ ENVIRONMENT: 'production' }).toSorted()).toEqual(['DATABASE_URL', 'SECRET_KEY'])
    expect(namesOf({ DATABASE_URL: databaseUrl })).toEqual(['SECRET_KEY'])
    expect(namesOf({ ...production, SECRET_KEY: 'a'.repeat(40) })).toEqual(['SECRET_KEY'])
    expect(namesOf({ ...production, SECRET_KEY: 'change-this-in-production' })).toEqual(['SECRET_KEY'])
    expect(load(production)).toMatchObject({ embedded: false, databaseUrl, secretKey: SECRET_KEY })
    expect(load(production).localCloud.enabled).toBe(false)
    expect(load({ ...production, CLOUDFLARE_TARGET: 'local' }).localCloud.enabled).toBe(true)
  })

  it('accepts database URLs in the spellings of other drivers', () => {
    const spelled = databaseUrl.replace('postgresql://', 'postgresql+asyncpg://')
    expect(load({ ...production, DATABASE_URL: spelled }).databaseUrl).toBe(databaseUrl)
  })

  it('requires all variables of a group or none', () => {
    const token = { CLOUDFLARE_API_TOKEN: 'a-token' }
    expect(load(production).cloudflare.credentials).toEqual({ staging: undefined, production: undefined })
    expect(namesOf({ ...production, ...token })).toHaveLength(2)
    const whole = { ...production, ...token, CLOUDFLARE_ACCOUNT_ID: accountId }
    const both = { accountId, apiToken: 'a-token' }
    expect(load(whole).cloudflare.credentials).toEqual({ staging: both, production: both })
    expect(namesOf({ ...whole, CLOUDFLARE_ACCOUNT_ID: 'mine' })).toHaveLength(2)
    const other = { ...whole, CLOUDFLARE_API_TOKEN_STAGING: 'another-token' }
    expect(load(other).cloudflare.credentials.staging?.apiToken).toBe('another-token')
    const only = { CLOUDFLARE_API_TOKEN_STAGING: 'a-token', CLOUDFLARE_ACCOUNT_ID_STAGING: accountId }
    expect(load({ ...production, ...only }).cloudflare.credentials.production).toBeUndefined()
  })

  it('parses lists', () => {
    const config = load({
      ...production,
      TRUSTED_PROXIES: ' 10.0.0.1, 10.0.0.0/8 ,',
      SECRET_KEY_PREVIOUS: 'old-key-1,old-key-2',
      PUBLIC_URL: 'https://capstan.example.org/',
    })
    expect(config.trustedProxies).toEqual(['10.0.0.1', '10.0.0.0/8'])
    expect(config.previousSecretKeys).toEqual(['old-key-1', 'old-key-2'])
    expect(config.publicUrl).toBe('https://capstan.example.org')
  })
})
