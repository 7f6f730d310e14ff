import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { freePorts, runStart } from '../helpers/stack.ts'
import { leftOf } from '../helpers/stack-processes.ts'

let dataDir: string

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'capstan-e2e-start-'))
})

afterEach(() => rmSync(dataDir, { recursive: true, force: true }))

/** Starts with free ports unless `env` sets others, and expects the start to exit with status 1. */
async function failingStart(env: Record<string, string>): Promise<string[]> {
  const [port, cloudPort] = await freePorts()
  const ports = { PORT: `${port}`, LOCAL_CLOUD_PORT: `${cloudPort}` }
  const { exitCode, output, tookMs } = await runStart({ DATA_DIR: dataDir, ...ports, ...env })
  expect(exitCode).toBe(1)
  expect(tookMs).toBeLessThan(10_000)
  expect(output).not.toMatch(/^\s+at /m)
  return output.trim().split('\n')
}

async function occupied<T>(work: (port: number) => Promise<T>): Promise<T> {
  const holder = createServer().listen(0, '127.0.0.1')
  await once(holder, 'listening')
  const address = holder.address()
  try {
    return await work(typeof address === 'object' && address !== null ? address.port : 0)
  } finally {
    holder.close()
  }
}

describe('an occupied port', () => {
  test.each(['PORT', 'LOCAL_CLOUD_PORT'])(
    'of %s is reported in one line that names the setting',
    (variable) =>
      occupied(async (port) => {
        const lines = await failingStart({ [variable]: `${port}` })
        expect(lines).toEqual([`port ${port} on 127.0.0.1 is in use; set ${variable} to another port`])
        // The check comes before the database is created.
        expect(readdirSync(dataDir)).not.toContain('postgres')
      }),
  )

  test('that PORT and LOCAL_CLOUD_PORT share is reported', async () => {
    const [port] = await freePorts()
    const lines = await failingStart({ PORT: `${port}`, LOCAL_CLOUD_PORT: `${port}` })
    expect(lines).toEqual([expect.stringContaining('PORT and LOCAL_CLOUD_PORT are both')])
  })
})

describe('a faulty configuration', () => {
  test('is reported with all its faults and without the values', async () => {
    const lines = await failingStart({
      PORT: 'eighty-eighty',
      CLOUDFLARE_API_TOKEN: 'a-token-that-is-not-shown',
      SECRET_KEY: 'too-short-to-show',
    })
    const text = lines.join('\n')
    expect(text).toContain('PORT:')
    expect(text).toContain('SECRET_KEY:')
    expect(text).toMatch(/CLOUDFLARE_ACCOUNT_ID\S*: required when its counterpart is set/)
    expect(text).not.toMatch(/eighty-eighty|not-shown|too-short-to-show/)
    expect(readdirSync(dataDir)).toEqual([])
  })

  test.each([
    ['REDIS_URL', 'http://localhost'],
    ['DATABASE_URL', 'mysql://localhost/x'],
    ['PUBLIC_URL', 'capstan.example'],
    ['CLOUDFLARE_TARGET', 'remote'],
    ['LOG_LEVEL', 'loud'],
    ['ADMIN_PASSWORD', 'short'],
  ])('of %s is reported with the name of the setting', async (variable, value) => {
    const text = (await failingStart({ [variable]: value })).join('\n')
    expect(text).toContain(`${variable}:`)
    expect(text).not.toContain(value)
  })
})

describe('the .env of the current folder', () => {
  test('is read at the start, and its faults are reported', async () => {
    const file = join(dataDir, '.env')
    writeFileSync(file, 'REDIS_URL=http://x\nPROT=9000\n')
    const text = (await failingStart({ CAPSTAN_ENV_FILE: file })).join('\n')
    expect(text).toContain('REDIS_URL:')
    expect(text).toContain(`PROT in ${file} is not a setting of Capstan; did you mean PORT?`)
    writeFileSync(file, 'REDIS_URL\n')
    expect((await failingStart({ CAPSTAN_ENV_FILE: file })).at(-1)).toContain(
      `${file}: line 1: expected NAME=value`,
    )
  })
})

describe('a production start', () => {
  test('without SECRET_KEY and DATABASE_URL is refused with both names', async () => {
    const text = (await failingStart({ ENVIRONMENT: 'production' })).join('\n')
    expect(text).toContain('DATABASE_URL: required in production')
    expect(text).toContain('SECRET_KEY: required in production')
    expect(readdirSync(dataDir)).toEqual([])
  })

  test.each(['change-this-in-production', 'a'.repeat(40)])(
    'with a default or guessable key is refused (%#)',
    async (key) => {
      const env = { DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/none', SECRET_KEY: key }
      const text = (await failingStart(env)).join('\n')
      expect(text).toMatch(/SECRET_KEY:/)
      expect(text).not.toContain(key)
    },
  )

  test('with an unreachable database reports one fault, without the password', async () => {
    const SECRET_KEY = 'q8Vz3nB5xL1kT7wR9pD2mF4hJ6cY0gSa'
    const DATABASE_URL = 'postgresql://nobody:pass-canary@127.0.0.1:1/none'
    const lines = await failingStart({ DATABASE_URL, SECRET_KEY })
    expect(lines).toEqual([
      'The configuration is not usable:',
      expect.stringMatching(/DATABASE_URL: the database can't be used: .*ECONNREFUSED/),
    ])
  })
})

describe('a start that is stopped', () => {
  test.each([
    ['while it creates its database', 'SIGTERM', undefined],
    ['while it migrates', 'SIGINT', /PostgreSQL is ready/],
    ['while its programs start', 'SIGTERM', /child is ready/],
  ] as const)(
    '%s exits with status 0, without errors and without leftover processes',
    async (_when, signal, moment) => {
      const [port, cloudPort] = await freePorts()
      const env = { DATA_DIR: dataDir, PORT: `${port}`, LOCAL_CLOUD_PORT: `${cloudPort}` }
      const reached = (output: string) => moment?.test(output) ?? existsSync(join(dataDir, 'postgres.json'))
      const { exitCode, output } = await runStart(env, { signal, when: reached })
      expect([exitCode, output]).toEqual([0, expect.not.stringMatching(/^\s+at |^ready http/m)])
      expect(leftOf(dataDir)).toEqual([])
    },
  )
})
