import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { createPrincipalCache } from '../../src/accounts/credentials/principal-cache.ts'
import { type Api, startApi } from '../helpers/api.ts'
import { createTestContext, type TestContext } from '../helpers/context.ts'
import { startTcpProxy } from '../helpers/tcp-proxy.ts'
import { until } from '../helpers/until.ts'

/** Two web processes over one database. */
let one: TestContext
let two: TestContext
let apiOne: Api
let apiTwo: Api
let cutTwo: Awaited<ReturnType<typeof startTcpProxy>>
const queries = { one: 0 }

beforeAll(async () => {
  one = await createTestContext()
  cutTwo = await startTcpProxy(one.database.url)
  two = await createTestContext({ beside: one, env: { DATABASE_URL: cutTwo.url } })
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
  await cutTwo?.cut()
  await one?.dispose()
})
beforeEach(() => {
  queries.one = 0
})

let users = 0
async function token(scopes?: string[]) {
  users += 1
  // All sign-ins come from one address here.
  await one.db('login_limits').del()
  const jwt = await apiOne.signIn(`user-${users}`)
  const made = await apiOne.call('/api/v1/auth/tokens', { token: jwt, json: { name: 'ci', scopes } })
  return { jwt, token: made.json.token as string, id: made.json.id as string, name: `user-${users}` }
}
const status = async (api: Api, bearer: string) =>
  (await api.call('/api/v1/auth/me', { token: bearer })).status

test('a busy token or JWT is not looked up again within its second', async () => {
  const { token: bearer, jwt } = await token()
  for (const each of [bearer, jwt]) {
    await status(apiOne, each)
    queries.one = 0
    const answers = await Promise.all(Array.from({ length: 50 }, () => status(apiOne, each)))
    expect(answers.every((answer) => answer === 200)).toBe(true)
    expect(queries.one).toBeLessThanOrEqual(2)
  }
})

test('parallel first requests of a credential are one query', async () => {
  const { token: bearer } = await token()
  queries.one = 0
  await Promise.all(Array.from({ length: 30 }, () => status(apiOne, bearer)))
  expect(queries.one).toBeLessThanOrEqual(2)
})

test('a revoked token is dead here with the answer, and elsewhere with the notification', async () => {
  for (let round = 0; round < 20; round += 1) {
    const { token: bearer, jwt, id } = round === 0 ? await token() : await another()
    expect([await status(apiOne, bearer), await status(apiTwo, bearer)]).toEqual([200, 200])
    await apiOne.call(`/api/v1/auth/tokens/${id}`, { method: 'DELETE', token: jwt })
    expect(await status(apiOne, bearer)).toBe(401)
    const revokedAt = performance.now()
    await until(async () => (await status(apiTwo, bearer)) === 401)
    // Less than the second that would end it anyway.
    expect(performance.now() - revokedAt).toBeLessThan(900)
  }
})

let owner: { jwt: string } | undefined
async function another() {
  owner ??= await token()
  const made = await apiOne.call('/api/v1/auth/tokens', { token: owner.jwt, json: { name: 'ci' } })
  return { jwt: owner.jwt, token: made.json.token as string, id: made.json.id as string }
}

test('signing out ends a JWT in both', async () => {
  const { jwt } = await token()
  expect([await status(apiOne, jwt), await status(apiTwo, jwt)]).toEqual([200, 200])
  expect((await apiOne.call('/api/v1/auth/logout', { method: 'POST', token: jwt })).status).toBe(200)
  expect(await status(apiOne, jwt)).toBe(401)
  await until(async () => (await status(apiTwo, jwt)) === 401, { timeoutMs: 900 })
})

test('what somebody changes in the database itself is told, too; the last use of a token is not', async () => {
  const { token: bearer, name } = await token()
  const heard: string[] = []
  two.listener.on('account_changes', (payload) => void heard.push(payload))
  await status(apiTwo, bearer)
  await one.accounts.stop()
  expect(heard).toEqual([])
  const { id } = await one.db('users').where({ username: name }).first('id')
  await one.db('users').where({ id }).update({ rate_limit_burst: 7 })
  await until(async () => {
    const me = await apiTwo.call('/api/v1/auth/me', { token: bearer })
    return me.json.rate_limit_burst === 7
  })
  await one.db('users').where({ id }).update({ is_active: false })
  await until(async () => (await status(apiTwo, bearer)) === 401, { timeoutMs: 900 })
})

test('a process that does not hear of changes remembers nothing', async () => {
  const { token: bearer, id } = await token()
  expect(await status(apiTwo, bearer)).toBe(200)
  await cutTwo.cut()
  await until(() => !two.listener.connected())
  await one.db('api_tokens').where({ id }).update({ is_revoked: true })
  await cutTwo.restore()
  await until(async () => (await status(apiTwo, bearer)) !== 503)
  expect(await status(apiTwo, bearer)).toBe(401)
  await until(() => two.listener.connected())
})

test('a look that began before a change is not remembered after it', async () => {
  const listener = { on: vi.fn(), onConnect: vi.fn(), connected: () => true }
  const cache = createPrincipalCache({ listener, now: () => new Date() })
  const gate = Promise.withResolvers<void>()
  let looks = 0
  const known = { principal: { id: 'user:a' } as never, subjects: ['user:a'], endsAt: null }
  const look = async () => {
    looks += 1
    await gate.promise
    return known
  }
  const first = cache.find('credential', look)
  cache.forget('user:a')
  const second = cache.find('credential', look)
  gate.resolve()
  await Promise.all([first, second])
  expect(looks).toBe(2)
  await cache.find('credential', look)
  expect(looks).toBe(2)
  cache.forget('user:b')
  await cache.find('credential', look)
  expect(looks).toBe(2)
})

test('a remembered credential still ends on time', async () => {
  const clock = { now: new Date(0) }
  const listener = { on: vi.fn(), onConnect: vi.fn(), connected: () => true }
  const cache = createPrincipalCache({ listener, now: () => clock.now })
  const endsAt = new Date(500)
  const look = async () =>
    clock.now < endsAt ? { principal: { id: 'user:a' } as never, subjects: [], endsAt } : undefined
  expect(await cache.find('credential', look)).toBeDefined()
  clock.now = endsAt
  expect(await cache.find('credential', look)).toBeUndefined()
})

test('an address that sends many bad tokens is refused before the database is asked; known ones are not', async () => {
  const env = { RATE_LIMIT_ADDRESS_PER_SECOND: '1', RATE_LIMIT_ADDRESS_BURST: '5' }
  const strict = await createTestContext({ beside: one, env })
  const api = await startApi(strict)
  const { token: bearer } = await token()
  let asked = 0
  strict.db.on('query', () => {
    asked += 1
  })
  expect(await status(api, bearer)).toBe(200)
  const { token: fresh } = await token()
  const guess = (index: number) => `ora_${String(index).padStart(43, 'x')}`
  const answers: number[] = []
  for (let index = 0; index < 20; index += 1) answers.push(await status(api, guess(index)))
  expect(answers.slice(0, 5)).toEqual([401, 401, 401, 401, 401])
  expect(answers.slice(7).every((each) => each === 429)).toBe(true)
  expect(asked).toBeLessThan(12)
  expect(await status(api, fresh)).toBe(429)
  expect(await status(api, bearer)).toBe(200)
  await api.stop()
  await strict.dispose()
})
