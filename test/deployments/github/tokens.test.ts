import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startApi } from '../../helpers/api.ts'
import { createTestContext, type TestContext } from '../../helpers/context.ts'
import { appKey, otherKey, startFakeGitHub } from './fake-github.ts'

let github: Awaited<ReturnType<typeof startFakeGitHub>>
let ctx: TestContext
let api: Awaited<ReturnType<typeof startApi>>
let admin: string
const stops: (() => Promise<void>)[] = []

/** The application with an App's settings of its own. */
async function apiWith(env: Record<string, string | undefined>) {
  const own = await createTestContext({ env: env as Record<string, string> })
  const started = await startApi(own)
  stops.push(async () => {
    await started.stop()
    await own.dispose()
  })
  const token = await started.signIn('the-admin', true)
  return (json: unknown) => started.call('/auth/github-app/token', { token, json })
}

beforeAll(async () => {
  github = await startFakeGitHub()
  ctx = await createTestContext({ env: github.env })
  api = await startApi(ctx)
  admin = await api.signIn('the-admin', true)
})
beforeEach(() => {
  github.reset()
  github.state.installations = [
    { id: 7, owner: 'acme', repos: ['shop'], permissions: { contents: 'write', issues: 'read' } },
  ]
  github.state.clockAhead = 0
  github.state.tokenLifeSeconds = 3600
})
afterAll(async () => {
  for (const stop of stops) await stop()
  await api.stop()
  await ctx.dispose()
  await github.stop()
  expect(github.violations).toEqual([])
})

const ask = (permissions: object, installationId = '7') =>
  api.call('/auth/github-app/token', { token: admin, json: { installationId, permissions } })
const mints = () => github.made('POST', /access_tokens$/)

test('a token has the requested permissions only, and the response shows the granted ones', async () => {
  const answer = await ask({ contents: 'read' })
  expect(answer.status).toBe(200)
  const { token, expiresAt, permissions } = answer.json.data
  expect(token).toMatch(/^ghs_4711_/)
  expect(Date.parse(expiresAt)).toBeGreaterThan(Date.now() + 3_500_000)
  expect(permissions).toEqual({ contents: 'read', metadata: 'read' })
  expect(answer.headers.get('cache-control')).toBe('no-store')
  expect(mints()[0]?.body).toEqual({ permissions: { contents: 'read' } })
  expect(JSON.stringify(await ctx.db('idempotency_keys'))).not.toContain(token)
})

test('a token is cached until 5 minutes before its expiry, for equal requests only', async () => {
  github.state.installations[0]!.id = 8
  const first = await ask({ contents: 'write', issues: 'read' }, '8')
  const again = await ask({ issues: 'read', contents: 'write' }, '8')
  expect(again.json.data.token).toBe(first.json.data.token)
  expect((await ask({ contents: 'read' }, '8')).json.data.token).not.toBe(first.json.data.token)
  expect(mints()).toHaveLength(2)
  github.state.installations[0]!.id = 9
  github.state.tokenLifeSeconds = 299
  await ask({ contents: 'read' }, '9')
  await ask({ contents: 'read' }, '9')
  expect(mints()).toHaveLength(4)
})

test('simultaneous requests share one call', async () => {
  github.state.installations[0]!.id = 10
  const answers = await Promise.all(Array.from({ length: 8 }, () => ask({ contents: 'read' }, '10')))
  expect(new Set(answers.map((each) => each.json.data.token)).size).toBe(1)
  expect(mints()).toHaveLength(1)
})

describe('refusals', () => {
  const suspended = () => {
    github.state.installations[0]!.suspended = true
  }
  test.each<[string, () => void, object, string, [number, string, boolean]]>([
    ['more than the installation has', () => undefined, { issues: 'write' }, '7', [403, 'AUTH_002', false]],
    ['an unknown installation', () => undefined, { contents: 'read' }, '77', [403, 'AUTH_002', false]],
    [
      'a suspended installation',
      suspended,
      { contents: 'read', issues: 'read' },
      '7',
      [403, 'AUTH_002', false],
    ],
  ])('%s', async (_, prepare, permissions, id, expected) => {
    prepare()
    const { status, json } = await ask(permissions, id)
    expect([status, json.error.code, json.error.retryable]).toEqual(expected)
    expect(json.error.suggestedAction).toEqual(expect.any(String))
  })

  test.each<[string, Parameters<typeof github.fault>[0]['fault'], [number, string, boolean]]>([
    ['a server fault', { status: 502, message: 'bad gateway' }, [503, 'SYS_002', true]],
    ['no answer', 'drop', [503, 'SYS_002', true]],
    [
      'a primary rate limit',
      { status: 403, message: 'API rate limit exceeded', headers: { 'x-ratelimit-remaining': '0' } },
      [429, 'SYS_003', true],
    ],
    [
      'a secondary rate limit',
      { status: 403, message: 'You have exceeded a secondary rate limit', headers: { 'retry-after': '30' } },
      [429, 'SYS_003', true],
    ],
  ])('%s', async (what, fault, expected) => {
    github.fault({ path: /access_tokens$/, fault })
    const { status, json, headers } = await ask({ contents: 'read' }, String(100 + what.length))
    expect([status, json.error.code, json.error.retryable]).toEqual(expected)
    if (expected[1] === 'SYS_003') expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
  })

  test.each([
    [{ installationId: 7, permissions: { contents: 'read' } }, 'installationId'],
    [{ installationId: '7; drop', permissions: { contents: 'read' } }, 'installationId'],
    [{ installationId: '7', permissions: {} }, 'permissions'],
    [{ installationId: '7', permissions: { contents: 'admin' } }, 'permissions.contents'],
    [{ installationId: '7', permissions: { administration: 'write' } }, 'permissions.administration'],
  ])('a body that is not valid is refused before GitHub is asked: %o', async (json, path) => {
    const answer = await api.call('/auth/github-app/token', { token: admin, json })
    expect([answer.status, answer.json.error.code]).toEqual([400, 'REQ_002'])
    expect(answer.json.error.details.fields[0].path).toBe(path)
    expect(github.calls).toEqual([])
  })

  test('a user without the permission for production gets no token', async () => {
    const made = await api.call('/api/v1/auth/tokens', {
      token: admin,
      json: { name: 'ci', scopes: ['deployments:write:staging', 'deployments:read'] },
    })
    const json = { installationId: '7', permissions: { contents: 'read' } }
    const answer = await api.call('/auth/github-app/token', { token: made.json.token, json })
    expect([answer.status, answer.json.error.code]).toEqual([403, 'ACCESS_003'])
  })
})

describe("the App's own credentials", () => {
  const json = { installationId: '7', permissions: { contents: 'read' } }

  test('PKCS#8 keys and keys on one line are accepted', async () => {
    for (const key of [appKey.pkcs8, appKey.pkcs1.replaceAll('\n', '\\n')]) {
      const call = await apiWith({ ...github.env, GITHUB_APP_PRIVATE_KEY: key })
      expect((await call(json)).status).toBe(200)
    }
  })

  test.each([
    ['another key', { GITHUB_APP_PRIVATE_KEY: otherKey() }],
    ['another App', { GITHUB_APP_ID: '4712' }],
    [
      'no App',
      { GITHUB_APP_ID: undefined, GITHUB_APP_PRIVATE_KEY: undefined, GITHUB_API_BASE_URL: undefined },
    ],
  ])('%s is AUTH_001', async (_, env) => {
    const call = await apiWith({ ...github.env, ...env })
    const { status, json: body, text } = await call(json)
    expect([status, body.error.code, body.error.retryable]).toEqual([401, 'AUTH_001', false])
    expect(text).not.toContain('PRIVATE KEY-----')
  })

  test.each([900, -900])('a clock that is wrong by %i s is corrected', async (seconds) => {
    github.state.clockAhead = seconds
    github.state.installations[0]!.id = 20 + Math.sign(seconds)
    const answer = await ask({ contents: 'read' }, String(20 + Math.sign(seconds)))
    expect(answer.status).toBe(200)
    expect(mints().map((call) => call.status)).toEqual([401, 201])
  })
})
