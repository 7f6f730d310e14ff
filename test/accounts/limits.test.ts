import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addUser } from '../../src/accounts/users/administration.ts'
import { type Api, startApi } from '../helpers/api.ts'
import { backends, createTestContext, type TestContext } from '../helpers/context.ts'
import { hashPassword } from '../helpers/passwords.ts'
import { until } from '../helpers/until.ts'

const password = 'correct horse battery'

describe.each(backends())('rate limits over HTTP, two web processes on %s', (backend) => {
  let one: TestContext
  let two: TestContext
  let apiOne: Api
  let apiTwo: Api
  let admin: string
  beforeAll(async () => {
    const env = { RATE_LIMIT_ADDRESS_PER_SECOND: '10000', RATE_LIMIT_ADDRESS_BURST: '10000' }
    one = await createTestContext({ backend, env })
    two = await createTestContext({ beside: one, env })
    apiOne = await startApi(one)
    apiTwo = await startApi(two)
    await until(() => one.limiter.available() && two.limiter.available())
    admin = await apiOne.signIn('root-admin', true)
  })
  afterAll(async () => {
    await apiTwo?.stop()
    await apiOne?.stop()
    await two?.dispose()
    await one?.dispose()
  })

  /** Creates a user with this rate limit. @returns its id and JWT */
  async function limited(perSecond: number, burst: number) {
    const username = `u-${randomUUID().slice(0, 8)}`
    const passwordHash = await hashPassword(password)
    const rateLimit = { perSecond, burst }
    const email = `${username}@example.org`
    const id = await addUser(one.db, { username, email, passwordHash, isAdmin: false, rateLimit })
    await one.db('login_limits').del()
    const token = (await apiOne.call('/api/v1/auth/login', { json: { username, password } })).json
      .access_token
    return { id, token: token as string }
  }
  const me = (api: Api, token: string) => api.call('/api/v1/auth/me', { token })

  it('allow the burst, then answer 429 with the time to wait', async () => {
    const { token } = await limited(1, 5)
    for (let call = 1; call <= 5; call += 1) {
      const answer = await me(apiOne, token)
      expect([call, answer.status]).toEqual([call, 200])
      const { headers } = answer
      expect(headers.get('x-ratelimit-limit')).toBe('1')
      expect(Number(headers.get('x-ratelimit-remaining'))).toBeLessThanOrEqual(5 - call + 1)
      expect(headers.get('ratelimit-policy')).toBe('"default";q=5;w=5')
      expect(headers.get('ratelimit')).toMatch(/^"default";r=\d;t=1$/)
      const fullInMs = Number(headers.get('x-ratelimit-reset')) * 1000 - Date.now()
      expect(fullInMs).toBeGreaterThan(-1000)
      expect(fullInMs).toBeLessThan(7000)
    }
    const refused = await until(async () => {
      const answer = await me(apiOne, token)
      return answer.status === 429 && answer
    })
    expect(refused.json.error).toMatchObject({ code: 'SYS_003', retryable: true })
    expect(refused.headers.get('retry-after')).toBe('1')
    expect(refused.headers.get('x-ratelimit-remaining')).toBe('0')
    expect(refused.headers.get('ratelimit')).toBe('"default";r=0;t=1')
    expect(refused.headers.get('ratelimit-policy')).toBe('"default";q=5;w=5')
  })

  it('use one bucket for all credentials of a user and all routes', async () => {
    const { token } = await limited(1, 6)
    const created = (await apiOne.call('/api/v1/auth/tokens', { token, json: { name: 'ci' } })).json
    await apiOne.call('/jobs', { token: created.token })
    await apiOne.call('/deploy', { token: created.token })
    await apiOne.call('/jobs/no-id', { token })
    const last = await apiOne.call('/api/v1/users', { token })
    expect([last.status, Number(last.headers.get('x-ratelimit-remaining')) <= 2]).toEqual([403, true])
    await until(async () => (await me(apiOne, token)).status === 429)
    expect((await apiOne.call('/jobs', { token: created.token })).status).toBe(429)
  })

  it('are shared by all processes with Redis, and per process without', async () => {
    const { token } = await limited(1, 6)
    await until(async () => (await me(apiOne, token)).status === 429)
    expect((await me(apiTwo, token)).status).toBe(backend === 'redis' ? 429 : 200)
  })

  it('follow a change of the user within a second in both processes', async () => {
    const { id, token } = await limited(1, 20)
    expect([(await me(apiOne, token)).status, (await me(apiTwo, token)).status]).toEqual([200, 200])
    const json = { rate_limit_per_second: 50, rate_limit_burst: 77 }
    const changed = await apiOne.call(`/api/v1/users/${id}`, { method: 'PATCH', token: admin, json })
    expect(changed.status).toBe(200)
    const changedAt = performance.now()
    expect((await me(apiOne, token)).headers.get('ratelimit-policy')).toBe('"default";q=77;w=2')
    await until(async () => (await me(apiTwo, token)).headers.get('x-ratelimit-limit') === '50')
    expect(performance.now() - changedAt).toBeLessThan(1000)
  })

  it('count an open stream once', async () => {
    const { token } = await limited(1, 3)
    const id = randomUUID()
    await one.db('jobs').insert({ id, queue: 'maintenance', name: 'prune', payload: '{}', max_attempts: 1 })
    const stop = new AbortController()
    const headers = { authorization: `Bearer ${token}` }
    const stream = await fetch(`${apiOne.origin}/jobs/${id}/events`, { headers, signal: stop.signal })
    expect(stream.status).toBe(200)
    expect(stream.headers.get('x-ratelimit-remaining')).toBe('2')
    expect((await me(apiOne, token)).status).toBe(200)
    stop.abort()
  })
})

it('requests without a valid credential are charged to the address', async () => {
  const env = { RATE_LIMIT_ADDRESS_PER_SECOND: '1', RATE_LIMIT_ADDRESS_BURST: '3' }
  const ctx = await createTestContext({ env })
  const api = await startApi(ctx)
  const statuses: number[] = []
  for (let call = 0; call < 6; call += 1) statuses.push((await api.call('/jobs')).status)
  expect(statuses.slice(0, 3)).toEqual([401, 401, 401])
  expect(statuses.at(-1)).toBe(429)
  const refused = await api.call('/api/v1/auth/login', { json: { username: 'nobody', password } })
  expect([refused.status, refused.headers.get('ratelimit-policy')]).toEqual([429, '"default";q=3;w=3'])
  expect((await api.call('/health')).status).toBe(200)
  await api.stop()
  await ctx.dispose()
})
