import { afterAll, beforeAll, expect, test } from 'vitest'
import { touchTokens } from '../../../src/accounts/store/api-tokens.ts'
import { permissions } from '../../../src/platform/auth.ts'
import { type Harness, startAccounts } from '../harness.ts'

let h: Harness
let admin: string
let ada: string
beforeAll(async () => {
  h = await startAccounts()
  await h.user('root-admin', true)
  await h.user('ada')
  admin = await h.signIn('root-admin')
  ada = await h.signIn('ada')
})
afterAll(() => h.close())

const create = (bearer: string, json: Record<string, unknown>) =>
  h.call('/api/v1/auth/tokens', { bearer, json: { name: 'ci', ...json } })
const may = async (bearer: string): Promise<string[]> => (await h.call('/probe', { bearer })).json.permissions
const inAnHour = () => new Date(h.clock.now.getTime() + 3_600_000).toISOString()

test('a new token is valid, and shown once but not in the list', async () => {
  const made = await create(ada, { name: 'laptop', expires_at: inAnHour() })
  expect(made.status).toBe(200)
  expect(Object.keys(made.json)).toEqual(['id', 'name', 'token', 'scopes', 'expires_at', 'created_at'])
  expect(made.json).toMatchObject({ name: 'laptop', scopes: null, expires_at: inAnHour() })
  expect(made.json.token).toMatch(/^ora_[\w-]{43}$/)
  expect(made.headers.get('cache-control')).toBe('no-store')
  h.advance(1)
  const second = await create(ada, { scopes: ['jobs:read'] })
  const list = await h.call('/api/v1/auth/tokens', { bearer: made.json.token })
  expect(list.json.total).toBe(2)
  expect(list.json.tokens.map((each: { id: string }) => each.id)).toEqual([second.json.id, made.json.id])
  expect(list.json.tokens[0]).toEqual({
    id: second.json.id,
    name: 'ci',
    scopes: ['jobs:read'],
    expires_at: null,
    is_revoked: false,
    last_used_at: null,
    created_at: h.clock.now.toISOString(),
  })
  expect(list.text).not.toContain(made.json.token)
})

test('revoking a token is immediate and idempotent, and refused for tokens of others', async () => {
  const { id, token } = (await create(ada, {})).json
  const path = `/api/v1/auth/tokens/${id}`
  const principal = await h.accounts.authenticate({
    headers: { authorization: `bearer ${token}` },
    method: 'POST',
    address: '',
  })
  expect((await h.call(path, { method: 'DELETE', bearer: admin })).status).toBe(404)
  for (const round of [1, 2]) {
    const answer = await h.call(path, { method: 'DELETE', bearer: ada })
    expect([round, answer.json]).toEqual([round, { status: 'success', message: 'Token revoked' }])
  }
  expect((await h.call('/probe', { bearer: token })).json.error.message).toBe('Invalid or expired API token')
  expect(await principal?.stillValid()).toBe(false)
  expect((await h.call('/api/v1/auth/tokens/7', { method: 'DELETE', bearer: ada })).status).toBe(422)
})

test('an expired token is refused', async () => {
  const { token } = (await create(ada, { expires_at: inAnHour() })).json
  h.advance(3_600_000)
  expect((await h.call('/probe', { bearer: token })).status).toBe(401)
  ada = await h.signIn('ada')
  admin = await h.signIn('root-admin')
})

test.each([
  [{ name: '' }, 'name'],
  [{ name: 'x'.repeat(101) }, 'name'],
  [{ expires_at: '2020-01-01T00:00:00Z' }, 'expires_at'],
  [{ expires_at: 'tomorrow' }, 'expires_at'],
  [{ expires_at: '2030-01-01' }, 'expires_at'],
  [{ scopes: [] }, 'scopes'],
  [{ scopes: ['everything'] }, 'scopes.0'],
  [{ admin: true }, 'admin'],
])('a new token with %j is refused', async (json, path) => {
  const answer = await create(ada, json)
  expect(answer.status).toBe(422)
  expect(answer.json.error.details.fields[0].path).toBe(path)
})

test('permissions follow the role of the user and the scopes of the token', async () => {
  expect(await may(admin)).toEqual([...permissions])
  expect(await may(ada)).toEqual(permissions.filter((each) => each.endsWith(':read')))
  const { token } = (await create(admin, { scopes: ['jobs:write', 'releases:read'] })).json
  expect(await may(token)).toEqual(['releases:read', 'jobs:write'])
  expect((await h.call('/probe', { bearer: token })).json.admin).toBe(false)
  expect((await h.call('/api/v1/auth/me', { bearer: token })).json.scopes).toEqual([
    'jobs:write',
    'releases:read',
  ])
})

test('a token cannot have more permissions than the credential that created it', async () => {
  for (const scope of permissions) {
    const { status, json } = await create(ada, { scopes: [scope] })
    expect([scope, status]).toEqual([scope, scope.endsWith(':read') ? 200 : 403])
    if (status === 403)
      expect(json.error).toMatchObject({
        details: { permission: scope },
        suggestedAction: 'Request only permissions that the caller has',
      })
  }
  const narrow = (await create(admin, { scopes: ['jobs:read', 'jobs:write'] })).json.token
  expect(await may((await create(narrow, {})).json.token)).toEqual(['jobs:read', 'jobs:write'])
  expect(await may((await create(narrow, { scopes: ['jobs:read'] })).json.token)).toEqual(['jobs:read'])
  expect((await create(narrow, { scopes: ['jobs:read', 'accounts:admin'] })).status).toBe(403)
})

test('a token loses the permissions that its user loses', async () => {
  const id = await h.user('demoted', true)
  const { token } = (await create(await h.signIn('demoted'), { scopes: ['jobs:write', 'jobs:read'] })).json
  await h.db('users').where({ id }).update({ is_admin: false })
  expect(await may(token)).toEqual(['jobs:read'])
})

test('a token created by a token does not outlive it', async () => {
  const { token } = (await create(ada, { expires_at: inAnHour() })).json
  expect((await create(token, {})).json.expires_at).toBe(inAnHour())
  const later = new Date(h.clock.now.getTime() + 7_200_000).toISOString()
  expect((await create(token, { expires_at: later })).status).toBe(422)
})

test('a scoped token revokes itself, but no token with more permissions', async () => {
  const unscoped = (await create(admin, {})).json
  const narrow = (await create(admin, { scopes: ['jobs:read'] })).json
  const revoke = (id: string) =>
    h.call(`/api/v1/auth/tokens/${id}`, { method: 'DELETE', bearer: narrow.token })
  expect((await revoke(unscoped.id)).status).toBe(403)
  expect((await revoke(narrow.id)).status).toBe(200)
})

test('concurrent requests create at most fifty active tokens', async () => {
  await h.user('busy')
  const bearer = await h.signIn('busy')
  for (let round = 0; round < 45; round += 1) await create(bearer, {})
  const answers = await Promise.all(Array.from({ length: 12 }, () => create(bearer, {})))
  const made = answers.filter((each) => each.status === 200)
  expect(made).toHaveLength(5)
  expect(answers.find((each) => each.status !== 200)).toMatchObject({
    status: 409,
    json: { error: { code: 'STATE_001' } },
  })
  await h.call(`/api/v1/auth/tokens/${made[0]?.json.id}`, { method: 'DELETE', bearer })
  expect((await create(bearer, {})).status).toBe(200)
})

test('the last use of a token is written in batches and when the service stops', async () => {
  const accounts = h.make()
  const { id, token } = (await create(ada, {})).json
  const use = () =>
    accounts.authenticate({ headers: { authorization: `Bearer ${token}` }, method: 'GET', address: '' })
  const lastUse = async () => (await h.db('api_tokens').where({ id }).first()).last_used_at
  await accounts.start()
  await accounts.start()
  await use()
  h.advance(1000)
  await use()
  expect(await lastUse()).toBeNull()
  await accounts.stop()
  await accounts.stop()
  expect(await lastUse()).toEqual(h.clock.now)
})

test('a last use in the future, written by a clock that was ahead, is corrected by the next use', async () => {
  const accounts = h.make()
  const { id, token } = (await create(ada, {})).json
  const ahead = new Date('2999-01-01T00:00:00Z')
  await h.db('api_tokens').where({ id }).update({ last_used_at: ahead })
  await accounts.authenticate({ headers: { authorization: `Bearer ${token}` }, method: 'GET', address: '' })
  await accounts.stop()
  expect((await h.db('api_tokens').where({ id }).first()).last_used_at).toEqual(h.clock.now)
  // The same holds for a time from this process's own clock.
  await touchTokens(h.db, new Map([[id, ahead]]))
  expect(Number((await h.db('api_tokens').where({ id }).first()).last_used_at)).toBeLessThan(
    Date.now() + 60_000,
  )
})

test('revoking a token revokes all tokens created with it, directly or indirectly', async () => {
  const parent = await create(ada, { scopes: ['jobs:read'] })
  const child = await create(parent.json.token, {})
  const grandchild = await create(child.json.token, {})
  const other = await create(ada, { scopes: ['jobs:read'] })
  await h.call(`/api/v1/auth/tokens/${parent.json.id}`, { method: 'DELETE', bearer: ada })
  for (const revoked of [parent, child, grandchild]) {
    expect((await h.call('/api/v1/auth/me', { bearer: revoked.json.token })).status).toBe(401)
  }
  expect((await h.call('/api/v1/auth/me', { bearer: other.json.token })).status).toBe(200)
})
