import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Harness, password, rateLimits, startAccounts } from './harness.ts'

let h: Harness
let admin: string
let adminId: string
beforeAll(async () => {
  h = await startAccounts()
  adminId = await h.user('root-admin', true)
  admin = await h.signIn('root-admin')
})
afterAll(() => h.close())
beforeEach(async () => {
  h.advance(2 * 60 * 60_000)
  admin = await h.signIn('root-admin')
})

const path = '/api/v1/users'
const create = (json: Record<string, unknown>, bearer = admin) => h.call(path, { bearer, json })
const patch = (id: string, json: unknown, bearer = admin) =>
  h.call(`${path}/${id}`, { method: 'PATCH', bearer, json })
const works = async (bearer: string) => (await h.call('/probe', { bearer })).status === 200
const account = (name: string) => ({ username: name, email: `${name}@example.org`, password })
const tokenOf = async (bearer: string, json = {}) =>
  (await h.call('/api/v1/auth/tokens', { bearer, json: { name: 'ci', ...json } })).json

describe('the user endpoints', () => {
  test('POST returns the user, with the default limits of the role or the given ones', async () => {
    const plain = await create(account('grace'))
    expect(plain.status).toBe(200)
    expect(plain.json).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      username: 'grace',
      email: 'grace@example.org',
      is_active: true,
      is_admin: false,
      rate_limit_per_second: rateLimits.user.perSecond,
      rate_limit_burst: rateLimits.user.burst,
      created_at: expect.stringMatching(/Z$/),
      updated_at: expect.stringMatching(/Z$/),
    })
    expect(plain.text).not.toContain(password)
    const second = await create({ ...account('katherine'), is_admin: true, rate_limit_burst: null })
    expect(second.json).toMatchObject({ is_admin: true, rate_limit_per_second: 100, rate_limit_burst: 200 })
    const own = await create({ ...account('dorothy'), rate_limit_per_second: 3, rate_limit_burst: 4 })
    expect(own.json).toMatchObject({ rate_limit_per_second: 3, rate_limit_burst: 4 })
    expect(await works(await h.signIn('grace'))).toBe(true)
  })

  test('GET lists users newest first, by page and state, and returns one by id', async () => {
    const made: string[] = []
    for (const name of ['page-1', 'page-2', 'page-3']) made.unshift((await create(account(name))).json.id)
    await patch(made[1] ?? '', { is_active: false })
    const ids = (json: { users: { id: string }[] }) => json.users.map((each) => each.id)
    const all = (await h.call(path, { bearer: admin })).json
    expect(ids(all).slice(0, 3)).toEqual(made)
    expect(all.total).toBe(all.users.length)
    const second = (await h.call(`${path}?skip=1&limit=1`, { bearer: admin })).json
    expect([ids(second), second.total]).toEqual([[made[1]], all.total])
    const inactive = (await h.call(`${path}?is_active=false`, { bearer: admin })).json
    expect([ids(inactive), inactive.total]).toEqual([[made[1]], 1])
    const active = (await h.call(`${path}?is_active=true&limit=100`, { bearer: admin })).json
    expect(active.total).toBe(all.total - 1)
    expect((await h.call(`${path}/${made[0]}`, { bearer: admin })).json).toEqual(all.users[0])
  })

  test.each(['skip=-1', 'limit=0', 'limit=101', 'limit=x', 'is_active=yes', 'page=2', 'skip=1.5'])(
    'GET with %s is refused',
    async (query) => {
      const answer = await h.call(`${path}?${query}`, { bearer: admin })
      expect([answer.status, answer.json.error.code]).toEqual([422, 'REQ_002'])
      expect(answer.json.error.details.fields[0].path).toBe(query.split('=')[0])
    },
  )

  test.each([
    [{ username: 'ab' }, 'username'],
    [{ username: 'x'.repeat(51) }, 'username'],
    [{ username: 'line\nbreak' }, 'username'],
    [{ email: 'nobody' }, 'email'],
    [{ password: 'short' }, 'password'],
    [{ is_admin: 'yes' }, 'is_admin'],
    [{ rate_limit_per_second: 0 }, 'rate_limit_per_second'],
    [{ rate_limit_per_second: 10_001 }, 'rate_limit_per_second'],
    [{ rate_limit_burst: -1 }, 'rate_limit_burst'],
    [{ rate_limit_burst: 1.5 }, 'rate_limit_burst'],
    [{ rate_limit_burst: 100_001 }, 'rate_limit_burst'],
    [{ id: 'mine' }, 'id'],
  ])('%j is refused by POST and PATCH, and not echoed', async (json, field) => {
    for (const answer of [await create({ ...account('refused'), ...json }), await patch(adminId, json)]) {
      expect([answer.status, answer.json.error.code]).toEqual([422, 'REQ_002'])
      expect(answer.json.error.details.fields.map((each: { path: string }) => each.path)).toContain(field)
      expect(answer.text).not.toContain(password)
    }
  })

  test('unknown and malformed ids are refused', async () => {
    const stranger = `${path}/${randomUUID()}`
    for (const [method, at] of [
      ['GET', stranger],
      ['PATCH', stranger],
      ['DELETE', stranger],
      ['GET', `${stranger}/tokens`],
      ['DELETE', `${stranger}/tokens/${randomUUID()}`],
    ] as const) {
      const answer = await h.call(at, { method, bearer: admin, ...(method === 'PATCH' ? { json: {} } : {}) })
      expect([method, answer.status, answer.json.error.message]).toEqual([method, 404, 'User not found'])
    }
    expect((await h.call(`${path}/7`, { bearer: admin })).status).toBe(422)
    expect((await h.call(`${path}/${adminId}/tokens/7`, { method: 'DELETE', bearer: admin })).status).toBe(
      422,
    )
  })

  test('PATCH changes the given fields; null and missing ones keep their values', async () => {
    const { id } = (await create(account('annie'))).json
    const changed = await patch(id, { email: 'new@example.org', rate_limit_burst: 7, username: null })
    expect(changed.json).toMatchObject({ username: 'annie', email: 'new@example.org', rate_limit_burst: 7 })
    const same = (await patch(id, {})).json
    expect({ ...same, updated_at: '' }).toEqual({ ...changed.json, updated_at: '' })
    expect((await patch(id, { is_admin: true })).json).toMatchObject({ is_admin: true, rate_limit_burst: 7 })
    await patch(id, { is_admin: false })
  })
})

describe('names and e-mails', () => {
  test('are unique, ignoring case, also in changes', async () => {
    const { id } = (await create(account('unique'))).json
    const name = await create({ ...account('UNIQUE'), email: 'other@example.org' })
    expect([name.status, name.json.error.message]).toEqual([409, 'Username already exists'])
    const mail = await create({ ...account('other'), email: 'Unique@Example.org' })
    expect([mail.status, mail.json.error.message]).toEqual([409, 'Email already exists'])
    await create(account('second'))
    expect((await patch(id, { username: 'Second' })).json.error.message).toBe('Username already exists')
    expect((await patch(id, { email: 'second@example.org' })).status).toBe(409)
    expect((await patch(id, { username: 'Unique' })).json.username).toBe('Unique')
  })

  test('are given to one of twenty concurrent requests', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => create(account('racer'))))
    expect(answers.map((each) => each.status).toSorted()).toEqual([200, ...Array(19).fill(409)])
  })
})

describe('a new password or a deactivation', () => {
  test.each<[string, { password?: string; is_active?: boolean }]>([
    ['a password', { password: 'another password' }],
    ['is_active', { is_active: false }],
  ])('by %s immediately ends sessions, JWTs and tokens', async (_what, change) => {
    const name = `ends-${Object.keys(change)[0]}`
    const { id } = (await create(account(name))).json
    const [jwt, page] = [await h.signIn(name), await h.browser(name)]
    const { token } = await tokenOf(jwt)
    expect((await patch(id, change)).status).toBe(200)
    expect([await works(jwt), await works(token)]).toEqual([false, false])
    expect((await h.call('/probe', { cookie: page.cookie })).status).toBe(401)
    await patch(id, { is_active: true })
    expect([await works(jwt), await works(token)]).toEqual([false, false])
    expect(await works(await h.signIn(name, change.password ?? password))).toBe(true)
  })

  test('by DELETE has the same effect and may be repeated', async () => {
    const { id } = (await create(account('leaver'))).json
    const jwt = await h.signIn('leaver')
    for (const round of [1, 2]) {
      const answer = await h.call(`${path}/${id}`, { method: 'DELETE', bearer: admin })
      expect([round, answer.json]).toEqual([round, { status: 'success', message: 'User deactivated' }])
    }
    expect(await works(jwt)).toBe(false)
    expect((await h.call(`${path}/${id}`, { bearer: admin })).json.is_active).toBe(false)
    const refused = await h.call('/api/v1/auth/login', { json: { username: 'leaver', password } })
    expect([refused.status, refused.json.error.message]).toEqual([401, 'User account is disabled'])
  })

  test('resets the sign-in limit with a new password', async () => {
    const { id } = (await create(account('locked'))).json
    const json = { username: 'locked', password: 'guess guess' }
    for (let round = 0; round < 20; round += 1) await h.call('/api/v1/auth/login', { json })
    expect((await h.call('/api/v1/auth/login', { json })).status).toBe(429)
    await patch(id, { password: 'another password' })
    expect(await works(await h.signIn('locked', 'another password'))).toBe(true)
  })
})

describe('the last administrator', () => {
  test.each([
    ['demoted', { is_admin: false }],
    ['deactivated', { is_active: false }],
  ])('cannot be %s', async (_what, change) => {
    await h.db('users').where({ is_admin: true }).whereNot({ id: adminId }).update({ is_admin: false })
    const answer = await patch(adminId, change)
    expect([answer.status, answer.json.error.code]).toEqual([409, 'STATE_001'])
    expect((await h.call(`${path}/${adminId}`, { method: 'DELETE', bearer: admin })).status).toBe(409)
    expect(await works(admin)).toBe(true)
  })

  test('cannot be removed in the database either', async () => {
    const last = h.db('users').where({ id: adminId })
    await expect(last.clone().del()).rejects.toMatchObject({ constraint: 'users_last_admin' })
  })

  test('is kept by concurrent direct changes in the database', async () => {
    for (const each of [1, 2, 3]) await create({ ...account(`chief-${each}`), is_admin: true })
    const admins = await h.db('users').where({ is_admin: true, is_active: true }).select('id')
    const ends = await Promise.allSettled(
      admins.map((each) => h.db('users').where(each).update({ is_admin: false })),
    )
    expect(ends.filter((each) => each.status === 'rejected')).toHaveLength(1)
    expect(await h.db('users').where({ is_admin: true, is_active: true })).toHaveLength(1)
    await h.db('users').where({ id: adminId }).update({ is_admin: true })
    await h.db('users').whereNot({ id: adminId }).update({ is_admin: false })
    admin = await h.signIn('root-admin')
  })

  test('is kept by concurrent requests that each remove an administrator', async () => {
    for (let round = 0; round < 5; round += 1) {
      const others: string[] = []
      for (const each of [1, 2, 3]) {
        others.push((await create({ ...account(`boss-${round}-${each}`), is_admin: true })).json.id)
      }
      const all = [adminId, ...others]
      const changes = all.map((id, index) =>
        patch(id, index % 2 === 0 ? { is_admin: false } : { is_active: false }),
      )
      const statuses = (await Promise.all(changes)).map((each) => each.status)
      const left = await h.db('users').where({ is_admin: true, is_active: true }).select('id')
      // The caller removes itself too, so later requests are refused with 401 or 403.
      expect(left.length).toBeGreaterThanOrEqual(1)
      expect([round, statuses.filter((each) => each === 200).length]).toEqual([round, 4 - left.length])
      expect(statuses.filter((each) => ![200, 401, 403, 409].includes(each))).toEqual([])
      await h.db('users').where({ id: adminId }).update({ is_admin: true, is_active: true })
      await h.db('users').whereNot({ id: adminId }).update({ is_admin: false })
      admin = await h.signIn('root-admin')
    }
  })
})

describe('tokens of a user', () => {
  test('are listed and revoked by an administrator, but only for their user', async () => {
    const { id } = (await create(account('holder'))).json
    const jwt = await h.signIn('holder')
    const made = await tokenOf(jwt)
    const list = await h.call(`${path}/${id}/tokens`, { bearer: admin })
    expect(list.json).toMatchObject({ total: 1, tokens: [{ id: made.id, is_revoked: false }] })
    expect(list.text).not.toContain(made.token)
    const wrong = await h.call(`${path}/${adminId}/tokens/${made.id}`, { method: 'DELETE', bearer: admin })
    expect([wrong.status, wrong.json.error.message]).toEqual([404, 'Token not found'])
    const gone = await h.call(`${path}/${id}/tokens/${made.id}`, { method: 'DELETE', bearer: admin })
    expect(gone.json).toEqual({ status: 'success', message: 'Token revoked' })
    expect(await works(made.token)).toBe(false)
  })
})

test('a token with only accounts:admin manages users, but cannot create or change administrators', async () => {
  const { token } = await tokenOf(admin, { scopes: ['accounts:admin'] })
  const made = await create(account('by-token'), token)
  expect(made.status).toBe(200)
  expect((await patch(made.json.id, { rate_limit_burst: 5 }, token)).status).toBe(200)
  for (const answer of [
    await create({ ...account('mighty'), is_admin: true }, token),
    await patch(made.json.id, { is_admin: true }, token),
    await patch(adminId, { password: 'another password' }, token),
    await patch(adminId, { email: 'thief@example.org' }, token),
    await h.call(`${path}/${adminId}`, { method: 'DELETE', bearer: token }),
  ]) {
    expect([answer.status, answer.json.error.code]).toEqual([403, 'ACCESS_003'])
  }
})
