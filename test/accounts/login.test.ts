import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createLoginLimits } from '../../src/accounts/service/login-limits.ts'
import { network } from '../../src/platform/rate-limit/index.ts'
import { type Harness, password, startAccounts } from './harness.ts'

let h: Harness
beforeAll(async () => {
  h = await startAccounts()
  await h.user('ada')
})
afterAll(() => h.close())
beforeEach(() => h.advance(2 * 60 * 60_000))

const login = (username: string, word: string, address?: string) =>
  h.call('/api/v1/auth/login', { json: { username, password: word }, ...(address ? { address } : {}) })

test('answers a bearer token of 15 minutes that nobody may keep', async () => {
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

test('a wrong name and a wrong password are one answer', async () => {
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

test('faults are 422 by path and never echo what was sent', async () => {
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

test('a long password is not cut', async () => {
  expect((await login('ada', `${password}${'x'.repeat(900)}`)).status).toBe(401)
})

test('of thirty guesses at once from one address five are looked at', async () => {
  const answers = await Promise.all(
    Array.from({ length: 30 }, (_, guess) => login(`name${guess}`, 'guess guess', '192.0.2.1')),
  )
  const statuses = answers.map((each) => each.status)
  expect(statuses.filter((each) => each === 401)).toHaveLength(5)
  expect(statuses.filter((each) => each === 429)).toHaveLength(25)
  const refused = answers.find((each) => each.status === 429)
  expect(refused?.json.error.code).toBe('SYS_003')
  expect(Number(refused?.headers.get('retry-after'))).toBe(60)
  expect((await login('ada', password, '192.0.2.2')).status).toBe(200)
  h.advance(59_999)
  expect((await login('ada', password, '192.0.2.1')).status).toBe(429)
  h.advance(1)
  expect((await login('ada', password, '192.0.2.1')).status).toBe(200)
})

test('of thirty guesses at once on one account ten are looked at, from wherever', async () => {
  const answers = await Promise.all(
    Array.from({ length: 30 }, (_, guess) => login('ada', `my guess ${guess}`, `198.51.100.${guess}`)),
  )
  expect(answers.filter((each) => each.status === 401)).toHaveLength(10)
  expect(answers.filter((each) => each.status === 429)).toHaveLength(20)
  expect((await login('Ada', password)).status).toBe(429)
  h.advance(60 * 60_000)
  expect((await login('ada', password)).status).toBe(200)
})

test('a name that nobody has is limited like one that somebody has', async () => {
  for (let guess = 0; guess < 10; guess += 1) expect((await login('ghost', 'guess guess')).status).toBe(401)
  expect((await login('Ghost', 'guess guess')).status).toBe(429)
})

test('success does not use up the account, even twelve times at one instant', async () => {
  for (let round = 0; round < 12; round += 1) expect((await login('ada', password)).status).toBe(200)
})

test('the limit holds across processes', async () => {
  const limits = [0, 1].map(() => createLoginLimits(h.db, h.secrets, () => h.clock.now))
  const counts = Array.from({ length: 8 }, (_, each) => limits[each % 2]?.countAddress('203.0.113.9'))
  const results = await Promise.allSettled(counts)
  expect(results.filter((each) => each.status === 'fulfilled')).toHaveLength(5)
  expect((await login('ada', password, '203.0.113.9')).status).toBe(429)
})

test('a disabled user hears of it only with the right password, and its tokens end', async () => {
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
])('%s counts as %s', (address, expected) => {
  expect(network(address)).toBe(expected)
})
