import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { network } from '../../../src/platform/rate-limit/index.ts'
import { type Harness, password, startAccounts } from '../harness.ts'

let h: Harness
beforeAll(async () => {
  h = await startAccounts()
  await h.user('ada')
})
afterAll(() => h.close())
beforeEach(() => h.advance(2 * 60 * 60_000))

const login = (username: string, word: string, address?: string) =>
  h.call('/api/v1/auth/login', { json: { username, password: word }, ...(address ? { address } : {}) })

test('login returns a JWT for 15 minutes in a response that must not be cached', async () => {
  const answer = await login('ADA', password)
  expect(answer.status).toBe(200)
  expect(answer.json).toEqual({ access_token: expect.any(String), token_type: 'bearer', expires_in: 900 })
  expect(answer.headers.get('cache-control')).toBe('no-store')
  const me = await h.call('/api/v1/auth/me', { bearer: answer.json.access_token })
  expect(me.json).toMatchObject({
    username: 'ada',
    is_admin: false,
    rate_limit_per_second: 10_000,
    scopes: null,
  })
  expect(me.json.created_at).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/)
})

test('a wrong name and a wrong password get the same response', async () => {
  const answers = [await login('ada', 'not the password'), await login('nobody', 'not the password')]
  for (const { status, json, headers } of answers) {
    expect(status).toBe(401)
    expect(json.error).toMatchObject({ code: 'ACCESS_002', message: 'Invalid username or password' })
    expect(headers.get('www-authenticate')).toContain('Bearer')
  }
  const [first, second] = answers.map(({ json }) => ({
    ...json.error,
    details: Object.keys(json.error.details),
  }))
  expect(first).toEqual(second)
})

test('an invalid body gets 422 with the field paths and without the sent values', async () => {
  const answer = await h.call('/api/v1/auth/login', {
    json: { username: 'a', password: 'hunter2', extra: 1 },
  })
  expect(answer.status).toBe(422)
  expect(answer.json.error.code).toBe('REQ_002')
  const paths = answer.json.error.details.fields.map((each: { path: string }) => each.path)
  expect(paths.toSorted()).toEqual(['extra', 'password', 'username'])
  expect(answer.text).not.toContain('hunter2')
  expect((await login('ada\u0000', password)).status).toBe(422)
  expect((await login('ada', 'x'.repeat(1025))).status).toBe(422)
})

test('a long password is not truncated', async () => {
  expect((await login('ada', `${password}${'x'.repeat(900)}`)).status).toBe(401)
})

test('a disabled user is told so only with the correct password, and its tokens end', async () => {
  const id = await h.user('gone')
  const bearer = await h.signIn('gone')
  await h.db('users').where({ id }).update({ is_active: false })
  expect((await h.call('/probe', { bearer })).status).toBe(401)
  expect((await login('gone', 'wrong password')).json.error.message).toBe('Invalid username or password')
  expect((await login('gone', password)).json.error.message).toBe('User account is disabled')
})

test.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:DB8:0001:0002::9', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
])('the address %s counts as %s', (address, expected) => {
  expect(network(address)).toBe(expected)
})
