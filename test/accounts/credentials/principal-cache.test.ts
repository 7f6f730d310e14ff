import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { createPrincipalCache } from '../../../src/accounts/credentials/principal-cache.ts'
import { type Api, startApi } from '../../helpers/api.ts'
import { createTestContext, type TestContext } from '../../helpers/context.ts'
import { startTcpProxy } from '../../helpers/tcp-proxy.ts'
import { until } from '../../helpers/until.ts'

/** Two web processes with one database. */
let one: TestContext
let two: TestContext
let apiOne: Api
let apiTwo: Api
let proxyOfTwo: Awaited<ReturnType<typeof startTcpProxy>>
const queries = { one: 0 }

beforeAll(async () => {
  one = await createTestContext()
  proxyOfTwo = await startTcpProxy(one.database.url)
  two = await createTestContext({ beside: one, env: { DATABASE_URL: proxyOfTwo.url } })
  apiOne = await startApi(one)
  apiTwo = await startApi(two)
  one.db.on('query', () => {
    queries.one += 1
  })
})
afterAll(async () => {
  await apiTwo?.stop()
  await apiOne?.stop()
  await two?.dispose()
  await proxyOfTwo?.cut()
  await one?.dispose()
})
beforeEach(() => {
  queries.one = 0
})

let users = 0
async function token(scopes?: string[]) {
  users += 1
  // Resets the limits, because all sign-ins come from one address.
  await one.db('login_limits').del()
  const jwt = await apiOne.signIn(`user-${users}`)
  const created = await apiOne.call('/api/v1/auth/tokens', { token: jwt, json: { name: 'ci', scopes } })
  return { jwt, token: created.json.token as string, id: created.json.id as string, name: `user-${users}` }
}
const status = async (api: Api, bearer: string) =>
  (await api.call('/api/v1/auth/me', { token: bearer })).status

test('a busy token or JWT is looked up at most once per second', async () => {
  const { token: bearer, jwt } = await token()
  for (const each of [bearer, jwt]) {
    await status(apiOne, each)
    queries.one = 0
    const answers = await Promise.all(Array.from({ length: 50 }, () => status(apiOne, each)))
    expect(answers.every((answer) => answer === 200)).toBe(true)
    expect(queries.one).toBeLessThanOrEqual(2)
  }
})

test('parallel first requests with a credential share one query', async () => {
  const { token: bearer } = await token()
  queries.one = 0
  await Promise.all(Array.from({ length: 30 }, () => status(apiOne, bearer)))
  expect(queries.one).toBeLessThanOrEqual(2)
})

test('a revoked token is invalid here with the response, and in other processes with the notification', async () => {
  for (let round = 0; round < 20; round += 1) {
    const { token: bearer, jwt, id } = round === 0 ? await token() : await another()
    expect([await status(apiOne, bearer), await status(apiTwo, bearer)]).toEqual([200, 200])
    await apiOne.call(`/api/v1/auth/tokens/${id}`, { method: 'DELETE', token: jwt })
    expect(await status(apiOne, bearer)).toBe(401)
    const revokedAt = performance.now()
    await until(async () => (await status(apiTwo, bearer)) === 401)
    // Shorter than the second after which the entry expires anyway.
    expect(performance.now() - revokedAt).toBeLessThan(900)
  }
})

let owner: { jwt: string } | undefined
async function another() {
  owner ??= await token()
  const created = await apiOne.call('/api/v1/auth/tokens', { token: owner.jwt, json: { name: 'ci' } })
  return { jwt: owner.jwt, token: created.json.token as string, id: created.json.id as string }
}

test('signing out ends a JWT in both processes', async () => {
  const { jwt } = await token()
  expect([await status(apiOne, jwt), await status(apiTwo, jwt)]).toEqual([200, 200])
  expect((await apiOne.call('/api/v1/auth/logout', { method: 'POST', token: jwt })).status).toBe(200)
  expect(await status(apiOne, jwt)).toBe(401)
  await until(async () => (await status(apiTwo, jwt)) === 401, { timeoutMs: 900 })
})

test('a direct change in the database is announced; the last use of a token is not', async () => {
  const { token: bearer, name } = await token()
  const announced: string[] = []
  two.listener.on('account_changes', (payload) => void announced.push(payload))
  await status(apiTwo, bearer)
  await one.accounts.stop()
  expect(announced).toEqual([])
  const { id } = await one.db('users').where({ username: name }).first('id')
  await one.db('users').where({ id }).update({ rate_limit_burst: 7 })
  await until(async () => {
    const me = await apiTwo.call('/api/v1/auth/me', { token: bearer })
    return me.json.rate_limit_burst === 7
  })
  await one.db('users').where({ id }).update({ is_active: false })
  await until(async () => (await status(apiTwo, bearer)) === 401, { timeoutMs: 900 })
})

test('a process without notifications caches nothing', async () => {
  const { token: bearer, id } = await token()
  expect(await status(apiTwo, bearer)).toBe(200)
  await proxyOfTwo.cut()
  await until(() => !two.listener.connected())
  await one.db('api_tokens').where({ id }).update({ is_revoked: true })
  await proxyOfTwo.restore()
  await until(async () => (await status(apiTwo, bearer)) !== 503)
  expect(await status(apiTwo, bearer)).toBe(401)
  await until(() => two.listener.connected())
})

test('the result of a lookup that began before a change is not cached', async () => {
  const listener = { on: vi.fn(), onConnect: vi.fn(), connected: () => true }
  const cache = createPrincipalCache({ listener, now: () => new Date() })
  const gate = Promise.withResolvers<void>()
  let lookups = 0
  const found = { principal: { id: 'user:a' } as never, subjects: ['user:a'], endsAt: null }
  const lookup = async () => {
    lookups += 1
    await gate.promise
    return found
  }
  const first = cache.find('credential', lookup)
  cache.forget('user:a')
  const second = cache.find('credential', lookup)
  gate.resolve()
  await Promise.all([first, second])
  expect(lookups).toBe(2)
  await cache.find('credential', lookup)
  expect(lookups).toBe(2)
  cache.forget('user:b')
  await cache.find('credential', lookup)
  expect(lookups).toBe(2)
})

test('a cached credential still expires on time', async () => {
  const clock = { now: new Date(0) }
  const listener = { on: vi.fn(), onConnect: vi.fn(), connected: () => true }
  const cache = createPrincipalCache({ listener, now: () => clock.now })
  const endsAt = new Date(500)
  const lookup = async () =>
    clock.now < endsAt ? { principal: { id: 'user:a' } as never, subjects: [], endsAt } : undefined
  expect(await cache.find('credential', lookup)).toBeDefined()
  clock.now = endsAt
  expect(await cache.find('credential', lookup)).toBeUndefined()
})

test('an address that sent many bad tokens is refused without a query, except with a recently valid token', async () => {
  const env = { RATE_LIMIT_ADDRESS_PER_SECOND: '1', RATE_LIMIT_ADDRESS_BURST: '5' }
  const strict = await createTestContext({ beside: one, env })
  const api = await startApi(strict)
  const { token: bearer } = await token()
  let queryCount = 0
  strict.db.on('query', () => {
    queryCount += 1
  })
  expect(await status(api, bearer)).toBe(200)
  const { token: fresh } = await token()
  const guess = (index: number) => `ora_${String(index).padStart(43, 'x')}`
  const answers: number[] = []
  for (let index = 0; index < 20; index += 1) answers.push(await status(api, guess(index)))
  expect(answers.slice(0, 5)).toEqual([401, 401, 401, 401, 401])
  expect(answers.slice(7).every((each) => each === 429)).toBe(true)
  expect(queryCount).toBeLessThan(12)
  expect(await status(api, fresh)).toBe(429)
  expect(await status(api, bearer)).toBe(200)
  await api.stop()
  await strict.dispose()
})
