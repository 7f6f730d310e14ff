import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { loadConfig } from '../../../src/config.ts'
import { ConfigError } from '../../../src/platform/errors.ts'
import { parseRedisUrl } from '../../../src/platform/redis/address.ts'
import { connectRedis } from '../../../src/platform/redis/index.ts'

const base = {
  DATABASE_URL: 'postgresql://db.example.org/capstan',
  SECRET_KEY: 'a-secret-key-of-the-tests-0123456789',
}
const load = (env: Record<string, string>) => loadConfig({ ...base, ...env })

function faultOf(name: string, value: string, more: Record<string, string> = {}): string {
  try {
    load({ ...more, [name]: value })
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    expect(error.faults).toHaveLength(1)
    return error.faults[0] ?? ''
  }
  return ''
}

describe('an option of REDIS_URL', () => {
  it.each([
    [
      'redis://h/0?tls=canary',
      'the option tls is not supported: for TLS write rediss:// instead of redis://',
    ],
    ['redis://h?ssl=canary', 'the option ssl is not supported: for TLS write rediss:// instead of redis://'],
    ['redis://h/0?keepAlive=canary', 'the option keepAlive is not supported'],
    ['redis://h/0?Family=canary', 'the option Family is not supported'],
    ['redis://h/0?family=6&connectTimeout=canary', 'the option connectTimeout is not supported'],
    ['redis://h/0?sentinel_password=canary', 'the option sentinel_password is not supported'],
    ['redis+cluster://h,i?maxRetries=canary', 'the option maxRetries is not supported'],
    ['redis+sentinel://h/main/1?role=canary', 'the option role is not supported'],
    [
      'redis://h:1,redis://i:2?tls=canary',
      'the option tls is not supported: for TLS write rediss:// instead of redis://',
    ],
    ['redis://h/0?can%20ary=1', 'an option after the ? is not supported'],
    ['redis://h/0?family=canary', 'expected family=4, family=6 or family=0 for both'],
    ['redis://h/0?family=', 'expected family=4, family=6 or family=0 for both'],
    ['redis://h/0?family=4&family=6', 'the option family is given twice'],
    ['redis://h/1?db=2', 'expected the database in the path or in db, not both'],
    ['redis://user:12?canary=x@h/0', 'expected no @ after the ?; write a ? in a password as %3F'],
    ['redis://h/0#canary', 'expected no #; write it as %23'],
    ['redis+cluster://h,i/2', 'expected no database: a Cluster has 0 only'],
    ['redis+sentinel://h/main/1/canary', 'expected nothing after the number of a database'],
    ['redis://:canary@h:1,redis://:other@i:2', 'expected one login and one scheme in all URLs'],
    ['redis://h:1,rediss://i:2', 'expected one login and one scheme in all URLs'],
    ['redis://h:1?family=4,redis://i:2?family=6', 'expected one family in all URLs'],
  ])('without an effect is refused by name: %s', (url, fault) => {
    expect(faultOf('REDIS_URL', url)).toBe(`REDIS_URL: ${fault}`)
  })

  it('chooses the IP version and the database', () => {
    expect(parseRedisUrl('redis://h:1?family=6&db=3')).toMatchObject({ family: 6, db: 3 })
    expect(parseRedisUrl('redis://h/3?family=0')).toMatchObject({ family: undefined, db: 3 })
    expect(parseRedisUrl('redis+cluster://h,i?family=4')).toMatchObject({ kind: 'cluster', family: 4 })
    expect(parseRedisUrl('redis://:p@h:1,redis://i:2')).toMatchObject({ login: { password: 'p' } })
  })

  it('that chooses the IP version applies to every connection', async () => {
    const url = 'redis://localhost:1'
    const refused = async (options: string) => {
      const redis = connectRedis(`${url}${options}`, { lazyConnect: true })
      const error = new Promise<Error>((resolve) => redis.once('error', resolve))
      await redis.connect().catch(() => undefined)
      redis.disconnect()
      return (await error).message
    }
    expect(await refused('?family=4')).toContain('127.0.0.1:1')
    expect(await refused('?family=6')).not.toContain('127.0.0.1')
  })
})

describe.each(['DATABASE_URL', 'DATABASE_DIRECT_URL'])('an option of %s', (name) => {
  const server = 'postgresql://user:secret@h:5432/db'
  it.each([
    ['?pool_size=canary', 'the option pool_size is not supported'],
    [
      '?connect_timeout=canary',
      'the option connect_timeout is not supported: the limits are fixed, see docs/outages.md',
    ],
    ['?sslmode=require&channel_binding=canary', 'the option channel_binding is not supported'],
    [
      '?options=-c%20canary',
      'the option options is not supported: use `alter role ... set ...` in the database',
    ],
    ['?connectionTimeoutMillis=0', 'the option connectionTimeoutMillis is not supported'],
    [
      '?sslmode=canary',
      'expected sslmode to be one of disable, prefer, require, verify-ca, verify-full, no-verify',
    ],
    [
      '?sslmode=allow',
      'expected sslmode to be one of disable, prefer, require, verify-ca, verify-full, no-verify',
    ],
    ['?ssl=yes', 'expected ssl to be one of disable, prefer, require, verify-ca, verify-full, no-verify'],
    ['?ssl=true&sslmode=disable', 'expected ssl or sslmode, not both'],
    ['?sslmode=require&sslmode=disable', 'the option sslmode is given twice'],
    ['?sslrootcert=/canary/ca.pem', 'a file of sslcert, sslkey or sslrootcert can not be read'],
    ['#canary', 'expected no #; write it as %23'],
  ])('without an effect is refused by name: %s', (options, fault) => {
    expect(faultOf(name, `${server}${options}`)).toBe(`${name}: ${fault}`)
  })

  it.each([
    ['postgresql://user:12?canary=x@h/db', 'expected no @ after the ?; write a ? in a password as %3F'],
    ['postgresql://canary:5432,other:5432/db', 'expected one host'],
    ['postgresql://canary:port/db', 'malformed'],
  ])('is refused without showing the URL: %s', (url, fault) => {
    expect(faultOf(name, url)).toBe(`${name}: ${fault}`)
  })
})

describe('DATABASE_URL', () => {
  const urlOf = (url: string) => load({ DATABASE_URL: url }).databaseUrl

  it.each([
    ['postgresql+asyncpg://h/db?ssl=require', 'postgresql://h/db?sslmode=verify-full'],
    ['postgres://h/db?ssl=true', 'postgres://h/db?sslmode=verify-full'],
    ['postgres://h/db?ssl=false', 'postgres://h/db?sslmode=disable'],
    ['postgresql://h/db?sslmode=no-verify', 'postgresql://h/db?sslmode=no-verify'],
    ['postgresql:///db?host=/run/postgresql', 'postgresql:///db?host=%2Frun%2Fpostgresql'],
    ['postgresql://user:p%23@h/db', 'postgresql://user:p%23@h/db'],
  ])('is parsed completely: %s', (given, url) => {
    expect(urlOf(given)).toBe(url)
  })

  it('may name existing certificate files', () => {
    const folder = mkdtempSync(join(tmpdir(), 'capstan-test-url-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'ca.pem')
    writeFileSync(file, 'a certificate')
    expect(urlOf(`postgresql://h/db?sslmode=verify-full&sslrootcert=${file}`)).toContain('sslrootcert=')
  })
})

describe('the address of a service', () => {
  const slave = {
    ...{ MODE: 'slave', CLIENT_NAME: 'acme', ENV_NAME: 'prod', MASTER_API_KEY: 'the-key-of-the-master' },
    MASTER_URL: 'https://master.example',
  }
  const bucket = { R2_ACCESS_KEY: 'the-access-key', R2_SECRET_KEY: 'the-secret-key' }
  const addresses: [string, Record<string, string>][] = [
    ['PUBLIC_URL', {}],
    ['MASTER_URL', slave],
    ['R2_ENDPOINT', bucket],
    ['CLOUDFLARE_API_BASE_URL', {}],
    ['GITHUB_API_BASE_URL', {}],
  ]
  it.each(addresses)('has no query, fragment or credentials: %s', (name, more) => {
    const fault = (url: string) => faultOf(name, url, more)
    expect(fault('https://h.example/base')).toBe('')
    expect(fault('https://h.example/base?region=canary')).toBe(`${name}: expected no ? and no # in the URL`)
    expect(fault('https://h.example/#canary')).toBe(`${name}: expected no ? and no # in the URL`)
    const login = `${name}: expected no user name and no password in the URL`
    expect(fault('https://user:canary@h.example')).toBe(login)
    expect(fault('https://canary@h.example')).toBe(login)
  })

  it('of a proxy may have a user name and a password', () => {
    expect(faultOf('PROXY_URL', 'http://user:secret@proxy.example:3128', slave)).toBe('')
    expect(faultOf('PROXY_URL', 'http://proxy.example?canary=1', slave)).toContain('PROXY_URL: expected no ?')
  })
})
