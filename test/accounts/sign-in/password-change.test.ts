import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createGate } from '../../../src/accounts/users/passwords.ts'
import { type Harness, password, startAccounts } from '../harness.ts'

let h: Harness
beforeAll(async () => {
  h = await startAccounts()
})
afterAll(() => h.close())
beforeEach(() => h.advance(60 * 60_000))

const replacement = 'another password'
const change = (how: Parameters<Harness['call']>[1], current = password) =>
  h.call('/api/v1/auth/password', { json: { current_password: current, new_password: replacement }, ...how })
const works = async (how: Parameters<Harness['call']>[1]) => (await h.call('/probe', how)).status === 200

test('a password change ends all tokens and other sessions and keeps the current session', async () => {
  await h.user('ada')
  const [current, other, jwt] = [await h.browser('ada'), await h.browser('ada'), await h.signIn('ada')]
  const { token } = (await h.call('/api/v1/auth/tokens', { bearer: jwt, json: { name: 'ci' } })).json
  const answer = await change({ cookie: current.cookie, headers: { 'x-csrf-token': current.csrf } })
  expect([answer.status, answer.json]).toEqual([200, { status: 'success', message: 'Password changed' }])
  expect(await works({ cookie: current.cookie })).toBe(true)
  expect(await works({ cookie: other.cookie })).toBe(false)
  expect(await works({ bearer: jwt })).toBe(false)
  expect(await works({ bearer: token })).toBe(false)
  expect((await h.call('/login', { form: { username: 'ada', password } })).status).toBe(401)
  expect(await works({ bearer: await h.signIn('ada', replacement) })).toBe(true)
})

test('a password change with a JWT returns a new JWT', async () => {
  await h.user('grace')
  const bearer = await h.signIn('grace')
  const answer = await change({ bearer })
  expect(answer.json).toMatchObject({ status: 'success', token_type: 'bearer', expires_in: 900 })
  expect(await works({ bearer })).toBe(false)
  expect(await works({ bearer: answer.json.access_token })).toBe(true)
})

test('exactly one of two concurrent password changes succeeds', async () => {
  await h.user('twice')
  const bearer = await h.signIn('twice')
  const statuses = (await Promise.all([change({ bearer }), change({ bearer })])).map((each) => each.status)
  expect(statuses.toSorted()).toEqual([200, 401])
})

test('a password change with a short new password, a wrong current one or a scoped token is refused', async () => {
  await h.user('linus')
  const bearer = await h.signIn('linus')
  const short = { current_password: password, new_password: 'short' }
  expect((await h.call('/api/v1/auth/password', { bearer, json: short })).status).toBe(422)
  const wrong = await change({ bearer }, 'wrong password')
  expect([wrong.status, wrong.json.error.code]).toEqual([401, 'ACCESS_002'])
  const scoped = await h.call('/api/v1/auth/tokens', { bearer, json: { name: 'ci', scopes: ['jobs:read'] } })
  expect((await change({ bearer: scoped.json.token })).status).toBe(403)
})

test('guesses at the current password are limited like sign-ins', async () => {
  await h.user('victim')
  const bearer = await h.signIn('victim')
  const guesses = await Promise.all(
    Array.from({ length: 12 }, (_, guess) => change({ bearer }, `guess ${guess}`)),
  )
  expect(guesses.filter((each) => each.status === 401)).toHaveLength(10)
  expect(guesses.filter((each) => each.status === 429)).toHaveLength(2)
})

test('the gate runs two tasks, keeps the order, and refuses tasks beyond the queue limit', async () => {
  const gate = createGate({ maxRunning: 2, maxWaiting: 2 })
  const order: number[] = []
  const release: (() => void)[] = []
  const task = (id: number) =>
    gate(async () => {
      order.push(id)
      await new Promise<void>((resolve) => release.push(resolve))
      if (id === 1) throw new Error('failed')
    })
  const first = expect(task(1)).rejects.toThrow('failed')
  const others = [task(2), task(3), task(4)]
  await expect(task(5)).rejects.toMatchObject({ code: 'SYS_002', status: 503 })
  expect(order).toEqual([1, 2])
  while (order.length < 4 || release.length > 0) {
    release.shift()?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  await Promise.all([first, ...others])
  expect(order).toEqual([1, 2, 3, 4])
})

test('the gate runs preferred tasks before a full queue of others', async () => {
  const gate = createGate({ maxRunning: 1, maxWaiting: 1 })
  const order: string[] = []
  const task = (name: string, preferred?: boolean) => gate(async () => void order.push(name), preferred)
  const running = Promise.withResolvers<void>()
  const started = [gate(() => running.promise), task('other')]
  await expect(task('too many')).rejects.toMatchObject({ code: 'SYS_002' })
  started.push(task('preferred', true))
  running.resolve()
  await Promise.all(started)
  expect(order).toEqual(['preferred', 'other'])
})
