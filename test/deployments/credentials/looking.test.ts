import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { accountId, token } from '../../local-cloud/harness.ts'
import { type Fault, refusal } from '../cloudflare/fault-proxy.ts'
import { startWorld, type World } from '../harness.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
beforeEach(() => world.proxy.reset())
afterAll(() => world.stop())

const ok = (result: unknown): Fault => ({
  kind: 'answer',
  status: 200,
  body: JSON.stringify({ success: true, errors: [], messages: [], result }),
})
const denied = refusal(403, 10000, 'Authentication error')
const containers = /\/containers\/me$/
const verifyPath = /\/tokens\/verify$/

const validate = (credentials: object = {}, environment = 'staging') =>
  world.call('/deploy/validate', {
    json: { environment, credentials: { cloudflareApiToken: token, accountId, ...credentials } },
  })
const verify = (json: object = {}) =>
  world.call('/auth/cloudflare/verify', { json: { apiToken: token, ...json } })

describe('POST /deploy/validate', () => {
  test('returns the permissions of the credentials as the contract requires', async () => {
    world.proxy.fault({ path: containers, fault: ok({}) })
    const answer = await validate()
    expect(answer.status).toBe(200)
    expect(answer.json.data).toEqual({
      valid: true,
      permissions: { workers: true, containers: true, durableObjects: true },
      unknown: expect.any(Array),
      accountInfo: { id: accountId, name: 'Local cloud', type: 'free', source: expect.any(String) },
      workersPaid: null,
    })
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(world.proxy.calls.every(({ method }) => method === 'GET')).toBe(true)
  })

  test('distinguishes refused permissions from unknown ones', async () => {
    world.proxy.fault({ path: containers, fault: { kind: 'answer', status: 401, body: 'Unauthorized' } })
    world.proxy.fault({ path: /\/namespaces$/, times: 9, fault: refusal(500, 10013, 'An unknown error') })
    const { permissions, unknown } = (await validate()).json.data
    expect(permissions).toEqual({ workers: true, containers: false, durableObjects: null })
    expect(unknown).toContain('durableObjects')
  })

  test.each([
    ['user', `cfut_${'a'.repeat(48)}`, [/^\/user\/tokens\/verify$/]],
    ['account', `cfat_${'a'.repeat(48)}`, [/^\/accounts\/\w+\/tokens\/verify$/]],
    ['', 'a'.repeat(40), [/^\/user\/tokens\/verify$/, /^\/accounts\/\w+\/tokens\/verify$/]],
  ])('a token that says it is of a(n) %s is verified there: %s', async (_, cloudflareApiToken, paths) => {
    const { status, json, text } = await validate({ cloudflareApiToken })
    expect([status, json.error.code]).toEqual([401, 'AUTH_003'])
    expect(text).not.toContain(cloudflareApiToken)
    const asked = world.proxy.calls.filter(({ path }) => verifyPath.test(path)).map(({ path }) => path)
    expect(asked).toHaveLength(paths.length)
    for (const [at, path] of paths.entries()) expect(asked[at]).toMatch(path)
  })

  test.each([
    ['disabled', ok({ id: 'x', status: 'disabled' }), [401, 'AUTH_003']],
    ['away', { kind: 'answer', status: 503, body: '' } as Fault, [503, 'SYS_002']],
    [
      'limited',
      { kind: 'answer', status: 429, headers: { 'retry-after': '60' }, body: '' } as Fault,
      [429, 'SYS_003'],
    ],
  ])('a verification that says %s', async (_, fault, expected) => {
    world.proxy.fault({ path: verifyPath, times: 9, fault })
    const { status, json } = await validate()
    expect([status, json.error.code]).toEqual(expected)
  })

  test('a token that may not read Workers is 403', async () => {
    world.proxy.fault({ path: /\/scripts-search$/, fault: denied })
    const { status, json } = await validate()
    expect([status, json.error.code]).toEqual([403, 'AUTH_004'])
    expect(json.error.details.permissions.workers).toBe(false)
  })

  test('an account whose name may not be read has no name', async () => {
    world.proxy.fault({ path: /^\/accounts\/\w+$/, fault: refusal(403, 9109, 'Unauthorized') })
    expect((await validate()).json.data.accountInfo.name).toBeNull()
  })

  test.each([
    ['is not 32 hexadecimal digits', 'nope', undefined],
    ['is not known', accountId, refusal(404, 7003, 'Could not route')],
  ])('an account id that %s is 422', async (_, id, fault) => {
    if (fault !== undefined) world.proxy.fault({ path: /^\/accounts\/\w+$/, fault })
    const { status, json } = await validate({ accountId: id })
    expect([status, json.error.code]).toEqual([422, 'REQ_002'])
    expect(json.error.details.fields[0].path).toMatch(/accountId$/)
  })

  test.each([
    ['enterprise', 'account', { id: accountId, name: 'n', type: 'enterprise' }, [], []],
    ['business', 'subscriptions', undefined, [{ rate_plan: { id: 'business' } }], [{ legacy_id: 'pro' }]],
    ['pro', 'zones', undefined, [{ rate_plan: { id: 'workers_paid' } }], [{ legacy_id: 'pro' }]],
    ['free', 'subscriptions', undefined, [], []],
    ['free', 'assumed', undefined, undefined, undefined],
  ])('an account is %s by its %s', async (type, source, account, subscriptions, plans) => {
    if (account !== undefined) world.proxy.fault({ path: /^\/accounts\/\w+$/, fault: ok(account) })
    const zones = plans?.map((plan) => ({ plan }))
    world.proxy.fault({ path: /\/subscriptions$/, fault: subscriptions ? ok(subscriptions) : denied })
    world.proxy.fault({ path: /^\/zones$/, fault: zones ? ok(zones) : denied })
    const { accountInfo, workersPaid } = (await validate()).json.data
    expect([accountInfo.type, accountInfo.source]).toEqual([type, source])
    const paid = subscriptions?.some((each) => each.rate_plan.id === 'workers_paid') ?? null
    expect(workersPaid).toBe(paid)
  })

  test('requires the permission to deploy to that environment', async () => {
    const scopes = ['deployments:write:staging']
    const made = await world.call('/api/v1/auth/tokens', { json: { name: 'ci', scopes } })
    const json = {
      environment: 'production',
      credentials: { cloudflareApiToken: token, accountId },
    }
    const answer = await world.api.call('/deploy/validate', { token: made.json.token, json })
    expect([answer.status, answer.json.error.code]).toEqual([403, 'ACCESS_003'])
    expect(answer.json.error.details.environment).toBe('production')
  })
})

describe('POST /auth/cloudflare/verify', () => {
  const policy = (effect: string, resource: string, names: string[]) => ({
    id: 'p',
    effect,
    permission_groups: names.map((name) => ({ id: name, name })),
    resources: { [`com.cloudflare.api.${resource}`]: '*' },
  })
  const described = (policies: object[]) =>
    world.proxy.fault({ path: /^\/user\/tokens\/[0-9a-f]{32}$/, fault: ok({ policies }) })

  test('returns the user, the accounts, and the scopes if the token may read them', async () => {
    described([
      policy('allow', 'account.zone.*', ['Zone Read', 'DNS Write']),
      policy('allow', `account.${accountId}`, ['Workers Scripts Write']),
      policy('deny', 'account.zone.abc', ['DNS Write']),
    ])
    const answer = await verify({ requiredScopes: ['Zone:Zone:Read', 'Account:Workers Scripts:Read'] })
    expect(answer.json.data).toEqual({
      valid: true,
      user: { id: expect.any(String), email: 'local-cloud@localhost' },
      scopes: ['Zone:Zone:Read', 'Account:Workers Scripts:Edit'],
      requiredScopes: [
        { scope: 'Zone:Zone:Read', granted: true },
        { scope: 'Account:Workers Scripts:Read', granted: true },
      ],
      unknown: [],
      accounts: [{ id: accountId, name: 'Local cloud', type: 'standard' }],
    })
  })

  test('a missing required scope is 403 and named', async () => {
    described([policy('allow', 'account.zone.*', ['Zone Read'])])
    const { status, json } = await verify({ requiredScopes: ['Zone:Zone:Read', 'Zone:Zone Settings:Edit'] })
    expect([status, json.error.code]).toEqual([403, 'AUTH_004'])
    expect(json.error.details.missing).toEqual(['Zone:Zone Settings:Edit'])
  })

  test('unreadable scopes are unknown, not missing', async () => {
    world.proxy.fault({ path: /^\/user\/tokens\/[0-9a-f]{32}$/, fault: refusal(403, 9109, 'Unauthorized') })
    world.proxy.fault({ path: /^\/user$/, fault: refusal(403, 9109, 'Unauthorized') })
    const { data } = (await verify({ requiredScopes: ['Zone:Zone:Read'] })).json
    expect(data.requiredScopes).toEqual([{ scope: 'Zone:Zone:Read', granted: null }])
    expect([data.user, data.scopes, data.unknown]).toEqual([null, [], ['user', 'scopes']])
  })

  test("an account's token is verified with the account that it can read", async () => {
    world.proxy.fault({ path: /^\/user\/tokens\/verify$/, fault: refusal(401, 1000, 'Invalid API Token') })
    expect((await verify()).json.data.valid).toBe(true)
    expect(world.proxy.made('GET', /^\/accounts\/\w+\/tokens\/verify$/)).toHaveLength(1)
  })

  test('an invalid token is 401 and appears nowhere', async () => {
    const apiToken = 'planted-token-that-no-log-may-show-1234'
    const text = `bad token ${apiToken}`
    // It goes to the real API's address otherwise: only the local cloud's own token is known to be local.
    const own = await startWorld({
      env: { CLOUDFLARE_API_BASE_URL: `http://127.0.0.1:${world.proxy.port}/client/v4` },
    })
    try {
      world.proxy.fault({ path: verifyPath, times: 9, fault: refusal(401, 1000, text) })
      const answer = await own.call('/auth/cloudflare/verify', { json: { apiToken } })
      expect([answer.status, answer.json.error.code]).toEqual([401, 'AUTH_003'])
      expect(answer.text).not.toContain(apiToken)
    } finally {
      await own.stop()
    }
  })

  test.each([['Zone Read'], ['Zone:Zone:Delete'], ['Place:Zone:Read']])(
    '%s is an invalid scope',
    async (scope) => {
      const { status, json } = await verify({ requiredScopes: [scope] })
      expect([status, json.error.details.fields[0].path]).toEqual([400, 'requiredScopes.0'])
      expect(world.proxy.calls).toEqual([])
    },
  )
})
