import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createLoginLimits } from '../../../src/accounts/sign-in/login-limits.ts'
import { type Answer, type Harness, password, rows, startAccounts } from '../harness.ts'

let h: Harness
let callers = 0
beforeAll(async () => {
  h = await startAccounts()
})
beforeEach(async () => {
  await h.clear()
  await h.user('ada')
})
afterAll(() => h.close())

const hour = 60 * 60_000
const office = '192.0.2.1'
/** An address that was not used before. */
function newAddress(): string {
  callers += 1
  return `198.51.${callers >> 8}.${callers & 255}`
}
const wrong = 'guess guess'
/** More guesses than any limit allows. */
const enough = 24

const login = (username: string, word: string, address = newAddress(), origin = h.origin) =>
  h.call('/api/v1/auth/login', { json: { username, password: word }, address, origin })
const statuses = (answers: { status: number }[], status: number) =>
  answers.filter((each) => each.status === status).length
const guesses = (count: number, from: (n: number) => string, username: (n: number) => string = () => 'ada') =>
  Promise.all(Array.from({ length: count }, (_, n) => login(username(n), `${wrong} ${n}`, from(n))))
/** The `Cookie` header of a browser without its session cookie. */
const browserOnly = (cookie: string) =>
  cookie
    .split('; ')
    .filter((each) => each.startsWith('capstan_browser='))
    .join('; ')
const cookiesOf = (answer: Answer) =>
  answer.headers
    .getSetCookie()
    .map((each) => each.split(';')[0])
    .join('; ')
const browserLogin = (username: string, cookie: string) =>
  h.call('/api/v1/auth/login', { json: { username, password }, cookie, address: office })
const page = (username: string, word: string, options: { address?: string; cookie?: string }) =>
  h.call('/login', { form: { username, password: word }, address: newAddress(), ...options })

describe('guesses from elsewhere', () => {
  test('never block the correct password from an address that has signed in before', async () => {
    expect((await login('ada', password, office)).status).toBe(200)
    await guesses(enough, newAddress)
    expect((await login('ada', password)).status).toBe(429)
    expect((await login('ADA', password, office)).status).toBe(200)
    // The same address in the notation of IPv6 sockets.
    expect((await login('ada', password, `::ffff:${office}`)).status).toBe(200)
  })

  test('never block a browser that has signed in before, at any address, signed out or not', async () => {
    const { cookie } = await h.browser('ada')
    await guesses(enough, newAddress)
    expect((await page('ada', password, {})).status).toBe(429)
    expect((await page('ada', password, { cookie: browserOnly(cookie) })).status).toBe(303)
    const api = await h.call('/api/v1/auth/login', {
      json: { username: 'ada', password },
      cookie: browserOnly(cookie),
    })
    expect(api.status).toBe(200)
  })

  test('from the address of a known browser do not block that browser', async () => {
    const { cookie } = await h.browser('ada')
    await page('ada', password, { cookie: browserOnly(cookie), address: office })
    await guesses(enough, () => office)
    expect((await login('ada', password, office)).status).toBe(429)
    expect((await page('ada', password, { cookie: browserOnly(cookie), address: office })).status).toBe(303)
  })

  test('from one address do not block sign-ins from a new place', async () => {
    await guesses(enough, () => '203.0.113.5')
    expect((await login('ada', password)).status).toBe(200)
  })

  test('do not block a password change', async () => {
    const bearer = await h.signIn('ada')
    await guesses(enough, newAddress)
    const json = { current_password: password, new_password: 'another password' }
    expect((await h.call('/api/v1/auth/password', { bearer, json })).status).toBe(200)
  })
})

describe('an office behind one address', () => {
  test('allows two dozen concurrent sign-ins, repeatedly', async () => {
    const names = Array.from({ length: 24 }, (_, n) => `clerk${n}`)
    for (const name of names) await h.user(name)
    for (let round = 0; round < 2; round += 1) {
      const answers = await Promise.all(names.map((name) => login(name, password, office)))
      expect(statuses(answers, 200)).toBe(names.length)
    }
  })

  test('is not blocked by a dozen wrong passwords', async () => {
    for (let n = 0; n < 12; n += 1) {
      await h.user(`clerk${n}`)
      expect((await login(`clerk${n}`, wrong, office)).status).toBe(401)
      expect((await login(`clerk${n}`, password, office)).status).toBe(200)
    }
  })

  test('can sign in while someone there guesses the passwords of others', async () => {
    await login('ada', password, office)
    const tried = await guesses(
      30,
      () => office,
      (n) => `name${n}`,
    )
    expect(statuses(tried, 429)).toBe(10)
    expect((await login('ada', password, office)).status).toBe(200)
  })
})

describe('password guessing', () => {
  test('of one account from one address is blocked after ten guesses', async () => {
    const answers = await guesses(30, () => office)
    expect([statuses(answers, 401), statuses(answers, 429)]).toEqual([10, 20])
    const refused = answers.find((each) => each.status === 429)
    expect(refused?.json.error.code).toBe('SYS_003')
    expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThan(3500)
    await h.advance(hour)
    expect((await login('ada', password, office)).status).toBe(200)
  })

  test('of one account from all addresses is blocked after twenty guesses', async () => {
    const answers = await guesses(60, newAddress)
    expect([statuses(answers, 401), statuses(answers, 429)]).toEqual([20, 40])
  })

  test('of many accounts from one address is blocked after twenty guesses for five minutes', async () => {
    const names = Array.from({ length: 30 }, (_, n) => `name${n}`)
    const answers = await guesses(
      30,
      () => office,
      (n) => names[n] ?? '',
    )
    expect([statuses(answers, 401), statuses(answers, 429)]).toEqual([20, 10])
    expect((await login('ada', password, office)).status).toBe(429)
    await h.advance(5 * 60_000)
    expect((await login('ada', password, office)).status).toBe(200)
  })

  test('from a known address or browser is blocked after ten guesses', async () => {
    const { cookie } = await h.browser('ada')
    await login('ada', password, office)
    const fromOffice = await guesses(30, () => office)
    expect(statuses(fromOffice, 401)).toBe(10)
    const answers = await Promise.all(
      Array.from({ length: 12 }, () => page('ada', wrong, { cookie: browserOnly(cookie) })),
    )
    expect(statuses(answers, 401)).toBe(10)
  })

  test('of a name without an account is limited like that of an account', async () => {
    const answers = await guesses(
      30,
      () => office,
      () => 'Ghost',
    )
    expect([statuses(answers, 401), statuses(answers, 429)]).toEqual([10, 20])
    expect(answers.find((each) => each.status === 429)?.json.error).toMatchObject({
      code: 'SYS_003',
      message: 'Too many sign-in attempts',
    })
  })

  test('has a common limit in several processes', async () => {
    const limits = [0, 1, 2].map(() => createLoginLimits(h.db, h.secrets))
    const counts = Array.from({ length: 30 }, (_, n) =>
      limits[n % 3]?.guess(`name${n}`, { address: office }, async () => false),
    )
    const results = await Promise.allSettled(counts)
    expect(results.filter((each) => each.status === 'fulfilled')).toHaveLength(20)
    expect((await login('ada', password, office)).status).toBe(429)
  })

  test('beyond the limit stores nothing', async () => {
    await guesses(
      20,
      () => office,
      (n) => `name${n}`,
    )
    const before = await rows(h.db, 'login_limits')
    await guesses(
      20,
      () => office,
      (n) => `other${n}`,
    )
    expect(await rows(h.db, 'login_limits')).toEqual(before)
  })

  test('does not include many concurrent correct passwords from a known place', async () => {
    await login('ada', password, office)
    const answers = await Promise.all(Array.from({ length: 16 }, () => login('ada', password, office)))
    expect(statuses(answers, 200)).toBe(16)
  })

  test('has a common limit in two processes, from a known place and from all addresses', async () => {
    await login('ada', password, office)
    const origins = [h.origin, await h.another()]
    const burst = (count: number, from: () => string) =>
      Promise.all(Array.from({ length: count }, (_, n) => login('ada', wrong, from(), origins[n % 2])))
    const fromOffice = await burst(30, () => office)
    expect([statuses(fromOffice, 401), statuses(fromOffice, 429)]).toEqual([10, 20])
    const fromEverywhere = await burst(50, newAddress)
    expect([statuses(fromEverywhere, 401), statuses(fromEverywhere, 429)]).toEqual([20, 30])
  })

  test('does not include concurrent correct passwords at three processes, even with one guess left', async () => {
    await login('ada', password, office)
    await guesses(9, () => office)
    const origins = [h.origin, await h.another(), await h.another()]
    const right = await Promise.all(
      Array.from({ length: 24 }, (_, n) => login('ada', password, office, origins[n % 3])),
    )
    expect(statuses(right, 200)).toBe(24)
    await guesses(19, newAddress)
    const strangers = await Promise.all(
      Array.from({ length: 24 }, (_, n) => login('ada', password, newAddress(), origins[n % 3])),
    )
    expect(statuses(strangers, 200)).toBe(24)
  })

  test('is not counted if the process dies during verification', async () => {
    const limits = createLoginLimits(h.db, h.secrets)
    const died = limits.guess('name', { address: office }, () => Promise.reject(new Error('died')))
    await expect(died).rejects.toThrow('died')
    expect(await rows(h.db, 'login_limits')).toEqual([])
  })

  test('is refused, correct or not, if other guesses reach the limit during verification', async () => {
    const limits = createLoginLimits(h.db, h.secrets)
    const guess = (right: boolean) =>
      limits.guess('name', { knownPlace: 'place' }, async () => {
        for (let n = 0; n < 10; n += 1) {
          await limits.guess('name', { knownPlace: 'place' }, async () => false).catch(() => undefined)
        }
        return right
      })
    await expect(guess(true)).rejects.toMatchObject({ code: 'SYS_003' })
    await expect(guess(false)).rejects.toMatchObject({ code: 'SYS_003' })
  })

  test('of a name equal to the address does not deadlock', async () => {
    expect((await login(office, wrong, office)).status).toBe(401)
  })

  test('counted by a clock that was ahead blocks no sign-in, and is deleted at the next guess', async () => {
    await login('ada', password, office)
    await guesses(10, () => office)
    expect((await login('ada', password, office)).status).toBe(429)
    await h.advance(-2 * hour)
    expect((await login('ada', password, office)).status).toBe(200)
    expect((await login('ada', wrong, office)).status).toBe(401)
    const hits = (await rows(h.db, 'login_limits')).map((row) => (row.hits as Date[]).length)
    expect(hits).toContain(1)
  })

  test('with the correct password is not counted', async () => {
    for (let round = 0; round < 12; round += 1) await login('ada', password, office)
    const left = await rows(h.db, 'login_limits')
    expect(left.flatMap((row) => row.hits)).toEqual([])
  })
})

describe('a known place', () => {
  test('survives a password change, which adds its own place', async () => {
    await login('ada', password, office)
    const { cookie } = await h.browser('ada')
    const bearer = await h.signIn('ada')
    const json = { current_password: password, new_password: 'another password' }
    expect((await h.call('/api/v1/auth/password', { bearer, json, address: '192.0.2.99' })).status).toBe(200)
    await guesses(enough, newAddress)
    expect((await login('ada', 'another password')).status).toBe(429)
    expect((await login('ada', 'another password', office)).status).toBe(200)
    expect((await page('ada', 'another password', { cookie: browserOnly(cookie) })).status).toBe(303)
    expect((await login('ada', 'another password', '192.0.2.99')).status).toBe(200)
  })

  test('belongs to one user and gives no advantage at other accounts', async () => {
    await h.user('mallory')
    const { cookie } = await h.browser('mallory')
    const answers = await Promise.all(
      Array.from({ length: 12 }, () => page('ada', wrong, { cookie: browserOnly(cookie), address: office })),
    )
    expect([statuses(answers, 401), statuses(answers, 429)]).toEqual([10, 2])
    expect((await login('ada', password)).status).toBe(200)
  })

  test('requires a browser cookie with a valid signature', async () => {
    const id = 'x'.repeat(43)
    for (const cookie of [`capstan_browser=${id}`, `capstan_browser=${id}.${id}`, 'capstan_browser=.']) {
      const answer = await page('ada', password, { cookie })
      const setCookie = answer.headers.getSetCookie().at(-1) ?? ''
      expect(setCookie).toMatch(/^capstan_browser=/)
      expect(setCookie).not.toContain(id)
    }
  })

  test('of a browser belongs to one user: the id of another user is replaced', async () => {
    await h.user('mallory')
    const planted = browserOnly((await h.browser('mallory')).cookie)
    for (const signIn of [
      () => page('ada', password, { cookie: planted, address: office }),
      () => browserLogin('ada', planted),
    ]) {
      const given = browserOnly(cookiesOf(await signIn()))
      expect(given).toMatch(/^capstan_browser=/)
      expect(given).not.toBe(planted)
      expect(browserOnly(cookiesOf(await page('ada', password, { cookie: given, address: office })))).toBe(
        given,
      )
    }
    const [shared] = await h.db('sign_in_places').where({ kind: 'browser' }).limit(1)
    const other = await h.db('users').whereNot({ id: shared.user_id }).first('id')
    const both = h.db('sign_in_places').insert({ ...shared, user_id: other.id })
    await expect(both).rejects.toThrow(/sign_in_places_browser/)
    await guesses(enough, newAddress)
    const guessed = await page('ada', password, { cookie: planted })
    expect(guessed.status).toBe(429)
  })

  test('of a browser survives a planted cookie beside its own', async () => {
    await h.user('mallory')
    const own = browserOnly((await h.browser('ada')).cookie)
    const planted = browserOnly((await h.browser('mallory')).cookie)
    await guesses(enough, newAddress)
    for (const cookie of [`${planted}; ${own}`, `${own}; ${planted}`, `capstan_browser=x.y; ${own}`]) {
      const answer = await page('ada', password, { cookie })
      expect([answer.status, browserOnly(cookiesOf(answer))]).toEqual([303, own])
    }
  })

  test('is one of at most fifty addresses per user, and programs get no browser id', async () => {
    const { id: user_id } = await h.db('users').first('id')
    const at = (ms: number) => new Date(Date.now() + ms)
    const place = (n: number) => ({ user_id, place: `place ${n}`, kind: 'address', session_epoch: 0 })
    const old = Array.from({ length: 49 }, (_, n) => ({
      ...place(n),
      last_used_at: at((n - 100) * 1000),
      expires_at: at(hour),
    }))
    // A time written by a clock that was ahead.
    const ahead = { ...place(49), last_used_at: at(1000 * hour), expires_at: at(1000 * hour) }
    await h.db('sign_in_places').insert([...old, ahead])
    expect((await login('ada', password)).headers.getSetCookie()).toEqual([])
    expect((await login('ada', password)).status).toBe(200)
    const kept = (await rows(h.db, 'sign_in_places')).map((row) => row.place)
    expect(kept).toHaveLength(50)
    expect(kept).toContain('place 1')
    expect(kept).not.toContain('place 49')
    expect(kept).not.toContain('place 0')
    await guesses(5, newAddress)
    expect(await rows(h.db, 'sign_in_places')).toHaveLength(50)
  })

  test('is forgotten after half a year without a sign-in', async () => {
    await login('ada', password, office)
    await h.advance(180 * 24 * hour)
    await guesses(enough, newAddress)
    expect((await login('ada', password, office)).status).toBe(429)
  })

  test('is not recorded for a deactivated user', async () => {
    await h.db('users').where({ username: 'ada' }).update({ is_active: false })
    expect((await login('ada', password, office)).json.error.message).toBe('User account is disabled')
    expect(await rows(h.db, 'sign_in_places')).toEqual([])
  })
})
