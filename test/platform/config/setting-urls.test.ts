import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { loadConfig, processSettings } from '../../../src/config.ts'
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

const forTls = 'for TLS write rediss:// instead of redis://'
const tlsModes = 'disable, prefer, require, verify-ca, verify-full, no-verify'

/** The lines that a start writes for the URLs of its settings. */
function warningsOf(env: Record<string, string>): string[] {
  const lines: string[] = []
  const { warn } = processSettings({ ...base, CAPSTAN_ENV_FILE: '/dev/null', ...env }, false)
  warn({ warn: (line: unknown) => lines.push(String(line)) })
  return lines
}

describe('a URL as a provider hands it out', () => {
  const [login, address] = ['postgresql://user:canary-secret', 'example.com/db']
  it.each([
    ['Neon', `${login}@ep-x-pooler.${address}?sslmode=require&channel_binding=require`, []],
    [
      'Neon, with a time to connect',
      `${login}@h.${address}?sslmode=require&connect_timeout=10`,
      ['connect_timeout'],
    ],
    [
      'Supabase',
      `${login}@h.${address}?pgbouncer=true&connection_limit=1`,
      ['pgbouncer', 'connection_limit'],
    ],
    ['Supabase on Vercel', `${login}@h.${address}?sslmode=require&supa=base-pooler.x`, ['supa']],
    ['Prisma', `${login}@h.${address}?schema=public&pool_timeout=0`, ['schema', 'pool_timeout']],
    [
      'a libpq program',
      `${login}@h.${address}?application_name=x&fallback_application_name=y`,
      ['fallback_application_name'],
    ],
    [
      'a cluster',
      `${login}@h.${address}?target_session_attrs=read-write&gssencmode=disable`,
      ['target_session_attrs', 'gssencmode'],
    ],
    [
      'a network with timeouts',
      `${login}@h.${address}?keepalives=1&keepalives_idle=30`,
      ['keepalives', 'keepalives_idle'],
    ],
    ['Aiven', `${login}@h.${address.replace('/db', ':12345/defaultdb')}?sslmode=require`, []],
    ['Google Cloud', 'postgresql://user:canary-secret@/db?host=/cloudsql/project:region:name', []],
  ])('starts, and options without effect are logged by name: %s', (_, url, names) => {
    for (const setting of ['DATABASE_URL', 'DATABASE_DIRECT_URL']) {
      const lines = warningsOf({ [setting]: url })
      const have = names.length === 1 ? 'option' : 'options'
      const effect = names.length === 1 ? 'has no effect' : 'have no effect'
      expect(lines).toEqual(
        names.length === 0 ? [] : [`${setting}: the ${have} ${names.join(', ')} ${effect}`],
      )
      expect(lines.join()).not.toContain('canary')
    }
  })

  it.each([
    ['Upstash', 'rediss://default:canary@eu1-x-1.upstash.io:6379', [], true],
    ['Redis Cloud', 'redis://default:canary@redis-1.c1.eu-west-1-1.ec2.cloud.redislabs.com:12345', [], true],
    ['Heroku', 'rediss://:canary@ec2-1-2-3-4.compute-1.amazonaws.com:6380', [], true],
    [
      'Heroku, without a check of its certificate',
      'rediss://:canary@h:6380?ssl_cert_reqs=CERT_NONE',
      [],
      false,
    ],
    ['Celery', 'rediss://:canary@h:6380/0?ssl_cert_reqs=required', [], true],
    ['Azure', 'rediss://:canary%3D@name.redis.cache.windows.net:6380/0?ssl=true', ['ssl'], true],
    ['Railway', 'redis://default:canary@redis.railway.internal:6379?family=0', [], true],
    [
      'redis-py',
      'redis://h:6379/0?socket_timeout=5&health_check_interval=30',
      ['socket_timeout', 'health_check_interval'],
      true,
    ],
    ['ioredis', 'redis://h:6379/?connectTimeout=10000', ['connectTimeout'], true],
    ['DigitalOcean', 'rediss://default:canary@h.b.db.ondigitalocean.com:25061', [], true],
  ])('of Redis, too: %s', (_, url, names, verified) => {
    expect(parseRedisUrl(url).verified).toBe(verified)
    const [line = '', ...others] = warningsOf({ REDIS_URL: url })
    expect(others).toEqual([])
    expect(line).not.toContain('canary')
    expect(line).toEqual(names.length === 0 ? '' : expect.stringContaining(` ${names.join(', ')} ha`))
  })

  it('has its warnings written once, not by each supervised process', () => {
    const url = 'postgresql://h.example.com/db?pgbouncer=true'
    const warn = () => expect.unreachable()
    processSettings({ ...base, DATABASE_URL: url, CAPSTAN_ENV_FILE: '/dev/null' }, true).warn({ warn })
  })

  it('turns the check of certificates off where it says so, and only there', () => {
    const tlsOf = (url: string) => {
      const redis = connectRedis(url, { lazyConnect: true })
      redis.disconnect()
      return redis.options
    }
    expect(tlsOf('rediss://h?ssl_cert_reqs=none')).toMatchObject({ tls: { rejectUnauthorized: false } })
    expect(tlsOf('rediss://h')).toMatchObject({ tls: {} })
    expect(tlsOf('redis://h')).not.toHaveProperty('tls')
    const sentinel = tlsOf('rediss+sentinel://h/main?ssl_cert_reqs=none')
    expect(sentinel).toMatchObject({ sentinelTLS: { rejectUnauthorized: false } })
  })
})

describe('an option of REDIS_URL', () => {
  it.each([
    [
      'redis://h/0?tls=canary',
      'the option tls is not supported: for TLS write rediss:// instead of redis://',
    ],
    ['redis://h?ssl=canary', 'the option ssl is not supported: for TLS write rediss:// instead of redis://'],
    ['redis://h/0?keepalive=canary', 'the option keepalive is not supported'],
    ['redis://h/0?Family=canary', 'the option Family is not supported'],
    ['redis://h/0?family=6&conectTimeout=canary', 'the option conectTimeout is not supported'],
    ['redis://h/0?constructor=canary', 'the option constructor is not supported'],
    ['redis://h/0?ssl_cert_reqs=none', `the option ssl_cert_reqs is not supported: ${forTls}`],
    ['rediss://h/0?ssl_cert_reqs=canary', 'expected ssl_cert_reqs to be required or none'],
    ['rediss://h/0?tls=false', `the option tls is not supported: ${forTls}`],
    ['redis://h/0?timeout=1&timeout=2', 'the option timeout is given twice'],
    ['rediss://h:1?ssl_cert_reqs=none,rediss://i:2', 'expected one ssl_cert_reqs in all URLs'],
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
    ['?conect_timeout=10', 'the option conect_timeout is not supported'],
    [
      '?sslmode=require&channel_binding=canary',
      'expected channel_binding to be one of disable, prefer, require',
    ],
    ['?channel_binding=require', 'channel_binding=require needs TLS: add sslmode=require'],
    ['?channel_binding=require&ssl=false', 'channel_binding=require needs TLS: add sslmode=require'],
    [
      '?target_session_attrs=standby',
      'expected target_session_attrs to be any, read-write or primary; name one host that accepts writes',
    ],
    ['?gssencmode=require', 'expected gssencmode to be disable or prefer'],
    ['?schema=canary', 'expected schema to be public'],
    ['?sslnegotiation=canary', 'expected sslnegotiation to be one of postgres, direct'],
    ['?host=/canary,/other', 'expected one host'],
    ['?hasOwnProperty=canary', 'the option hasOwnProperty is not supported'],
    ['?sslmode=constructor', `expected sslmode to be one of ${tlsModes}`],
    ['?sslmode=verify-ca&uselibpqcompat=true', 'sslmode=verify-ca with uselibpqcompat needs sslrootcert'],
    ['?connect_timeout=1&connect_timeout=2', 'the option connect_timeout is given twice'],
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
    ['postgresql+psycopg2://h/db', 'postgresql://h/db'],
    ['postgres://h/db?ssl=true&sslmode=require', 'postgres://h/db?sslmode=verify-full'],
    ['postgres://h/db?sslmode=verify-full&sslrootcert=system', 'postgres://h/db?sslmode=verify-full'],
    [
      'postgres://h/db?uselibpqcompat=true&sslmode=require',
      'postgres://h/db?sslmode=require&uselibpqcompat=true',
    ],
    [
      'postgres://h/db?sslmode=require&sslnegotiation=direct',
      'postgres://h/db?sslmode=verify-full&sslnegotiation=direct',
    ],
    ['postgres://h/db?options=endpoint%3Dep-cool-darkness-123456', 'postgres://h/db'],
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
