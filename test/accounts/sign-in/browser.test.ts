import { afterAll, beforeAll, expect, test } from 'vitest'
import { isLocalPath } from '../../../src/accounts/routes/local-path.ts'
import { type Harness, password, startAccounts } from '../harness.ts'

let h: Harness
beforeAll(async () => {
  h = await startAccounts()
  await h.user('ada')
})
afterAll(() => h.close())

const form = { username: 'ada', password }

test('the sign-in page has no scripts and no external resources', async () => {
  const page = await h.call('/login?next=/jobs')
  expect(page.status).toBe(200)
  expect(page.text).not.toMatch(/<script|https?:|\son\w+=/)
  expect(page.text).toContain('name="next" value="/jobs"')
  expect(page.headers.get('cache-control')).toBe('no-store')
  expect(page.headers.get('referrer-policy')).toBe('same-origin')
})

test('signing in sets the cookies and redirects', async () => {
  const answer = await h.call('/login', { form: { ...form, next: '/jobs?state=failed' } })
  expect(answer.status).toBe(303)
  expect(answer.headers.get('location')).toBe('/jobs?state=failed')
  const [session, csrf, browser] = answer.headers.getSetCookie()
  expect(session).toMatch(/^capstan_session=[\w-]{43}; Path=\/; SameSite=Lax; HttpOnly$/)
  expect(csrf).toMatch(/^XSRF-TOKEN=[\w-]{43}; Path=\/; SameSite=Lax$/)
  expect(browser).toMatch(
    /^capstan_browser=[\w-]{43}\.[\w-]{43}; Path=\/; SameSite=Lax; HttpOnly; Max-Age=15552000$/,
  )
  const json = await h.call('/login', { json: form })
  expect([json.status, json.headers.get('location')]).toEqual([303, '/admin/queues'])
})

test('cookies are Secure if the public URL is https', async () => {
  const secure = await startAccounts({ publicUrl: 'https://capstan.example.org' })
  await secure.user('ada')
  const answer = await secure.call('/login', { form })
  for (const cookie of answer.headers.getSetCookie()) expect(cookie).toContain('; Secure')
  await secure.close()
})

test('a failed sign-in shows the form with the error and escapes all values', async () => {
  const username = '"><b>x</b>'
  const answer = await h.call('/login', { form: { username, password: 'wrong password', next: '/"x' } })
  expect(answer.status).toBe(401)
  expect(answer.headers.getSetCookie()).toEqual([])
  expect(answer.text).toContain('role="alert">Invalid username or password<')
  expect(answer.text).toContain('value="&quot;&gt;&lt;b&gt;x&lt;/b&gt;"')
  expect(answer.text).toContain('value="/&quot;x"')
  expect(answer.text).not.toContain('wrong password')
  expect((await h.call('/login', { form: { username: 'ada' } })).status).toBe(401)
  expect(
    (await h.call('/login', { json: { username: 'ada', password: 'wrong password' } })).json.error.code,
  ).toBe('ACCESS_002')
})

test('the sign-in page and the API share one limit', async () => {
  const address = '192.0.2.50'
  const guess = { username: 'nobody', password: 'guess guess' }
  for (let round = 0; round < 10; round += 1) await h.call('/api/v1/auth/login', { json: guess, address })
  const page = await h.call('/login', { form: guess, address })
  expect(page.status).toBe(429)
  const seconds = Number(page.headers.get('retry-after'))
  expect(seconds).toBeGreaterThan(3500)
  expect(seconds).toBeLessThanOrEqual(3600)
  expect(page.text).toContain(`Try again in ${seconds} seconds`)
})

test.each<[string, Record<string, string>, number]>([
  ['the same origin', { 'sec-fetch-site': 'same-origin', origin: 'null' }, 303],
  ['a typed address', { 'sec-fetch-site': 'none' }, 303],
  ['another site', { 'sec-fetch-site': 'cross-site' }, 403],
  ['a sibling site', { 'sec-fetch-site': 'same-site' }, 403],
  ['our public origin, over plain HTTP', { origin: 'http://127.0.0.1:8000' }, 303],
  ['a foreign origin', { origin: 'http://evil.example' }, 403],
  ['an opaque origin', { origin: 'null' }, 403],
])('sign-in from %s', async (_name, headers, status) => {
  expect((await h.call('/login', { form, headers })).status).toBe(status)
  const out = await h.call('/logout', { form: {}, headers })
  expect([out.status, out.headers.getSetCookie().length > 0]).toEqual([status, status === 303])
})

test('an unsafe request needs the CSRF token of its own session', async () => {
  const { cookie, csrf } = await h.browser('ada')
  const other = await h.browser('ada')
  const post = (headers: Record<string, string>) => h.call('/probe', { method: 'POST', cookie, headers })
  expect((await h.call('/probe', { cookie })).json.kind).toBe('session')
  const refused = await post({})
  expect([refused.status, refused.json.error.code]).toEqual([403, 'ACCESS_003'])
  expect((await post({ 'x-csrf-token': 'x' })).status).toBe(403)
  expect((await post({ 'x-csrf-token': other.csrf })).status).toBe(403)
  expect((await post({ 'x-csrf-token': csrf })).status).toBe(200)
  expect((await post({ 'x-xsrf-token': csrf })).status).toBe(200)
})

test('a session ends eight hours after its last request', async () => {
  const { cookie } = await h.browser('ada')
  for (let round = 0; round < 3; round += 1) {
    h.advance(7 * 60 * 60_000)
    expect((await h.call('/probe', { cookie })).status).toBe(200)
  }
  h.advance(8 * 60 * 60_000)
  expect((await h.call('/probe', { cookie })).json.error.code).toBe('ACCESS_001')
  // The cookie of an ended session must not block the sign-in form.
  expect((await h.call('/login', { cookie })).text).toContain('name="password"')
})

test('signing in again replaces the session', async () => {
  const { cookie } = await h.browser('ada')
  expect((await h.call('/login', { form, cookie })).status).toBe(303)
  expect((await h.call('/probe', { cookie })).status).toBe(401)
})

test('signing out ends the session and requires the CSRF token in the form or header', async () => {
  const { cookie, csrf } = await h.browser('ada')
  const page = await h.call('/login', { cookie })
  expect(page.text).toContain(`name="csrf_token" value="${csrf}"`)
  expect((await h.call('/logout', { cookie, form: {} })).status).toBe(403)
  expect((await h.call('/logout', { cookie, method: 'POST' })).status).toBe(403)
  const answer = await h.call('/logout', { cookie, form: { csrf_token: csrf } })
  expect([answer.status, answer.headers.get('location')]).toEqual([303, '/login'])
  expect(answer.headers.getSetCookie().every((each) => each.includes('Max-Age=0'))).toBe(true)
  expect((await h.call('/probe', { cookie })).status).toBe(401)
  expect((await h.call('/logout', { cookie, form: {} })).status).toBe(303)
  const second = await h.browser('ada')
  const headers = { 'x-csrf-token': second.csrf }
  const api = await h.call('/api/v1/auth/logout', { method: 'POST', cookie: second.cookie, headers })
  expect(api.status).toBe(200)
  expect((await h.call('/probe', { cookie: second.cookie })).status).toBe(401)
})

const evil = [
  '//evil.example',
  '/\\evil.example',
  '\\\\evil.example',
  '/\t/evil.example',
  '/\n/evil.example',
  'evil',
  '',
  '/.//evil.example',
  'https://evil.example',
  'javascript:alert(1)',
  '/%2fevil.example',
  '/%2Fevil.example',
  '/%5cevil.example',
  '/%252fevil.example',
  '%2f%2fevil.example',
  '/%09/evil.example',
  '/..//evil.example',
  '/%2e%2e//evil.example',
  ' //evil.example',
  '/%00',
  '/%',
]
test.each(evil)('signing in does not redirect to %j', async (next) => {
  expect(isLocalPath(next)).toBe(false)
  const answer = await h.call('/login', { form: { ...form, next } })
  expect(answer.headers.get('location')).toBe('/admin/queues')
})

test.each(['/', '/admin/queues', '/jobs?next=//x&q=%2F%2Fy', '/a%20b#c'])('%j is a local path', (next) => {
  expect(isLocalPath(next)).toBe(true)
})
