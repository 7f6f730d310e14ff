import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../../src/config.ts'
import { ConfigError } from '../../../src/platform/errors.ts'

const base = { DATABASE_URL: 'postgres://x', SECRET_KEY: 'a-secret-key-of-the-tests-0123456789' }
const bucket = { R2_ACCOUNT_ID: 'account', R2_ACCESS_KEY: 'the-access-key', R2_SECRET_KEY: 'the-secret-key' }
const slave = { MODE: 'slave', CLIENT_NAME: 'acme', ENV_NAME: 'prod', MASTER_URL: 'https://master.example' }

const settings: Record<string, Record<string, string>> = {
  R2_ACCOUNT_ID: bucket,
  R2_ACCESS_KEY: bucket,
  R2_SECRET_KEY: bucket,
  CLOUDFLARE_API_TOKEN: { CLOUDFLARE_ACCOUNT_ID: 'fedcba9876543210fedcba9876543210' },
  CLOUDFLARE_ACCOUNT_ID: { CLOUDFLARE_API_TOKEN: 'the-token' },
  LOCAL_CLOUD_TOKEN: {},
  MASTER_API_KEY: slave,
}
const names = Object.keys(settings)
const value = '0123456789abcdef0123456789abcdef'

function faultsOf(env: Record<string, string>): string[] {
  try {
    loadConfig({ ...base, ...env })
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.faults
    throw error
  }
}

describe('a key or token in a setting', () => {
  it.each(names)('is trimmed: %s', (name) => {
    const of = (text: string) => {
      const { secretKey: _, ...rest } = loadConfig({ ...base, ...settings[name], [name]: text })
      return rest
    }
    for (const text of [`${value}\n`, ` ${value}`, `\uFEFF${value}\r\n`, `${value}\u00a0`])
      expect(of(text)).toEqual(of(value))
  })

  it.each(names)(
    'in quotes or with white space inside is refused at the start, without its value: %s',
    (name) => {
      for (const text of [
        `"${value}"`,
        `'${value}'`,
        `${value} x`,
        `${value}\n${value}`,
        `${value}\u200b`,
        '  ',
      ]) {
        const faults = faultsOf({ ...settings[name], [name]: text })
        expect(
          faults.filter((fault) => fault.startsWith(`${name}:`)).length,
          JSON.stringify(text),
        ).toBeGreaterThan(0)
        expect(faults.join('\n')).not.toContain(value)
      }
    },
  )

  it('that is a password may contain spaces but not start or end with them', () => {
    expect(faultsOf({ ADMIN_PASSWORD: 'correct horse battery' })).toEqual([])
    for (const text of ['correct horse\n', ' correct horse', '"correct horse"', 'correct\thorse\u0000'])
      expect(faultsOf({ ADMIN_PASSWORD: text })[0]).toMatch(/^ADMIN_PASSWORD: /)
  })

  it('a region must be one word', () => {
    const regionOf = (env: object) => loadConfig({ ...base, ...bucket, ...env }).binaryReleases.bucket?.region
    expect(regionOf({})).toBeUndefined()
    expect(regionOf({ R2_REGION: ' eu-central-1\n' })).toBe('eu-central-1')
    expect(regionOf({ S3_REGION: 'fra1' })).toBe('fra1')
    expect(faultsOf({ ...bucket, R2_REGION: 'Frankfurt/1' })).toEqual([
      'R2_REGION: expected a region like eu-central-1',
    ])
  })
})
