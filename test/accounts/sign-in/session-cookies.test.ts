import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Harness, password, rows, startAccounts } from '../harness.ts'

let h: Harness
afterEach(() => h.close())

const minute = 60_000
/** Changes all sessions into those of an earlier version. */
const changeSessions = (values: { host_cookie: boolean; place_recorded: boolean }) =>
  h.db('sessions').update(values)
const pairsOf = (cookie: string) => Object.fromEntries(cookie.split('; ').map((pair) => pair.split('=')))

describe('over HTTPS', () => {
  beforeEach(async () => {
    h = await startAccounts({ publicUrl: 'https://capstan.example.org' })
    await h.user('ada')
  })

  test('cookies are bound to this host by the prefix __Host-', async () => {
    const { answer } = await h.browser('ada')
    const cookies = answer.headers.getSetCookie()
    expect(cookies.map((each) => each.split('=')[0])).toEqual([
      '__Host-capstan_session',
      'XSRF-TOKEN',
      '__Host-capstan_browser',
    ])
    for (const cookie of cookies) {
      expect(cookie).toMatch(/; Path=\/;/)
      expect(cookie).toMatch(/; Secure(;|$)/)
      expect(cookie).not.toMatch(/domain/i)
    }
  })

  test('a session in a cookie that another host could plant is refused', async () => {
    const { cookie } = await h.browser('ada')
    const id = pairsOf(cookie)['__Host-capstan_session'] ?? 'missing'
    expect((await h.call('/probe', { cookie: `__Host-capstan_session=${id}` })).status).toBe(200)
    expect((await h.call('/probe', { cookie: `capstan_session=${id}` })).status).toBe(401)
    const beside = `capstan_session=${'x'.repeat(43)}; __Host-capstan_session=${id}`
    expect((await h.call('/probe', { cookie: beside })).status).toBe(200)
  })

  test('a session of an earlier version continues with its cookie and is not extended', async () => {
    const { cookie } = await h.browser('ada')
    const pairs = pairsOf(cookie)
    await changeSessions({ host_cookie: false, place_recorded: false })
    const old = `capstan_session=${pairs['__Host-capstan_session']}`
    const headers = { 'x-csrf-token': pairs['XSRF-TOKEN'] ?? '' }
    expect((await h.call('/probe', { cookie: old })).status).toBe(200)
    expect((await h.call('/probe', { cookie: old, method: 'POST', headers })).status).toBe(200)
    expect((await h.call('/probe', { cookie: `__Host-${old}` })).status).toBe(401)
    await h.advance(7 * 60 * minute)
    expect((await h.call('/probe', { cookie: old })).status).toBe(200)
    await h.advance(60 * minute)
    expect((await h.call('/probe', { cookie: old })).status).toBe(401)
  })

  test('a browser with the cookie of an earlier version stays known and gets a prefixed cookie', async () => {
    const value = pairsOf((await h.browser('ada')).cookie)['__Host-capstan_browser']
    const form = { username: 'ada', password }
    const answer = await h.call('/login', { form, cookie: `capstan_browser=${value}` })
    expect(answer.headers.getSetCookie().at(-1)).toContain(`__Host-capstan_browser=${value};`)
  })

  test('signing out removes the cookies with both names', async () => {
    const { cookie, csrf } = await h.browser('ada')
    const answer = await h.call('/logout', { cookie, form: { csrf_token: csrf } })
    const names = answer.headers.getSetCookie().map((each) => each.split('=')[0])
    expect(names.toSorted()).toEqual(['XSRF-TOKEN', '__Host-capstan_session', 'capstan_session'])
  })
})

describe('a session opened before places were recorded', () => {
  const office = '192.0.2.1'
  beforeEach(async () => {
    h = await startAccounts()
    await h.user('ada')
  })
  const places = async () => (await rows(h.db, 'sign_in_places')).length

  test('records the place of its next request, once', async () => {
    const { cookie } = await h.browser('ada')
    await h.db('sign_in_places').del()
    const session = cookie.split('; ')[0] ?? ''
    await changeSessions({ host_cookie: false, place_recorded: false })
    expect((await h.call('/probe', { cookie: session, address: office })).status).toBe(200)
    expect(await places()).toBe(1)
    await h.call('/probe', { cookie: session, address: '192.0.2.99' })
    expect(await places()).toBe(1)
    const login = (word: string, address?: string) =>
      h.call('/api/v1/auth/login', {
        json: { username: 'ada', password: word },
        ...(address === undefined ? {} : { address }),
      })
    await Promise.all(Array.from({ length: 30 }, () => login('guess guess')))
    expect((await login(password)).status).toBe(429)
    expect((await login(password, office)).status).toBe(200)
  })

  test('does not record a planted browser id', async () => {
    await h.user('mallory')
    const { cookie } = await h.browser('ada')
    const planted = (await h.browser('mallory')).cookie.split('; ').at(-1)
    await h
      .db('sign_in_places')
      .where({ user_id: (await h.db('users').first('id')).id })
      .del()
    await h.db('sign_in_places').del()
    await changeSessions({ host_cookie: false, place_recorded: false })
    await h.call('/probe', { cookie: `${cookie.split('; ')[0]}; ${planted}`, address: office })
    expect((await rows(h.db, 'sign_in_places')).map((row) => row.kind)).toEqual(['address'])
  })

  test('differs from a new session, which records only the place of its sign-in', async () => {
    const { cookie } = await h.browser('ada')
    expect(await places()).toBe(2)
    await h.call('/probe', { cookie, address: '192.0.2.99' })
    expect(await places()).toBe(2)
  })
})

describe('times written by a clock that was ahead', () => {
  beforeEach(async () => {
    h = await startAccounts()
    await h.user('ada')
  })

  test('do not extend a session: its next request corrects them', async () => {
    const { cookie } = await h.browser('ada')
    const year = 365 * 24 * 60 * minute
    const ahead = (column: string) => h.db.raw(`?? + interval '400 days'`, [column])
    await h.db('sessions').update({ last_seen_at: ahead('last_seen_at'), expires_at: ahead('expires_at') })
    expect((await h.call('/probe', { cookie })).status).toBe(200)
    await h.advance(year)
    expect((await h.call('/probe', { cookie })).status).toBe(401)
  })

  test('do not extend a JWT beyond 15 minutes', async () => {
    await h.advance(2 * 60 * minute)
    const bearer = await h.signIn('ada')
    expect((await h.call('/probe', { bearer })).status).toBe(200)
    await h.advance(-2 * 60 * minute)
    const refused = await h.call('/probe', { bearer })
    expect([refused.status, refused.json.error.message]).toEqual([401, 'The token is not valid'])
  })
})
