import { randomUUID } from 'node:crypto'
import { SignJWT } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Harness, startAccounts } from '../harness.ts'

let h: Harness
let ada: string
beforeAll(async () => {
  h = await startAccounts()
  ada = await h.user('ada')
})
afterAll(() => h.close())

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

async function refusal(bearer: string): Promise<string> {
  const answer = await h.call('/probe', { bearer })
  expect(answer.status).toBe(401)
  expect(answer.json.error.code).toBe('ACCESS_002')
  return answer.json.error.message
}

function claims(changes: Record<string, unknown> = {}) {
  const iat = Math.floor(h.clock.now.getTime() / 1000)
  const good = { sub: ada, iat, exp: iat + 900, jti: randomUUID(), type: 'session', epoch: 1 }
  return { iss: 'capstan', aud: 'capstan', ...good, ...changes }
}

function signed(payload: Record<string, unknown>, key = h.secrets.derive('jwt'), alg = 'HS256') {
  return new SignJWT(payload).setProtectedHeader({ alg }).sign(key)
}

test('a JWT contains the documented claims', async () => {
  const [, payload = ''] = (await h.signIn('ada')).split('.')
  const found = JSON.parse(Buffer.from(payload, 'base64url').toString())
  expect(found).toEqual(claims({ jti: expect.any(String) }))
  expect(await h.call('/probe', { bearer: await signed(claims()) })).toMatchObject({ status: 200 })
})

test('an expired JWT is refused with a message that says so', async () => {
  const token = await h.signIn('ada')
  h.advance(15 * 60_000 + 1000)
  expect(await refusal(token)).toBe('The token has expired')
})

test.each<[string, () => string | Promise<string>]>([
  [
    'changed payload',
    async () => {
      const [header, , signature] = (await h.signIn('ada')).split('.')
      return `${header}.${encode(claims({ sub: randomUUID() }))}.${signature}`
    },
  ],
  ['no algorithm', () => `${encode({ alg: 'none' })}.${encode(claims())}.`],
  ['another key', () => signed(claims(), new Uint8Array(32).fill(7))],
  ['another HMAC', () => signed(claims(), h.secrets.derive('jwt'), 'HS512')],
  ['another audience', () => signed(claims({ aud: 'elsewhere' }))],
  ['another issuer', () => signed(claims({ iss: 'elsewhere' }))],
  ['another type', () => signed(claims({ type: 'refresh' }))],
  ['no end', () => signed(claims({ exp: undefined }))],
  ['no id', () => signed(claims({ jti: undefined }))],
  ['a subject that is not an id', () => signed(claims({ sub: "' or 1=1" }))],
  ['two dots only', () => '..'],
])('a JWT with %s is refused', async (_name, make) => {
  expect(await refusal(await make())).toBe('The token is not valid')
})

test.each(['', 'nonsense', 'ora_short', `ora_${'x'.repeat(43)}`, 'a.b'])(
  'the Bearer "%s" is refused',
  async (bearer) => {
    await refusal(bearer)
  },
)

test('an invalid Bearer does not fall back to a valid cookie', async () => {
  const { cookie } = await h.browser('ada')
  expect((await h.call('/probe', { cookie })).status).toBe(200)
  expect((await h.call('/probe', { cookie, bearer: 'nonsense' })).status).toBe(401)
})

test('a JWT of another session epoch is refused', async () => {
  expect(await refusal(await signed(claims({ epoch: 2 })))).toBe('The token was revoked')
})

test('logout revokes only the JWT of the request', async () => {
  const [first, second] = [await h.signIn('ada'), await h.signIn('ada')]
  const principal = await h.accounts.authenticate({
    headers: { authorization: `Bearer ${first}` },
    method: 'GET',
    address: '',
  })
  expect(await principal?.stillValid()).toBe(true)
  const answer = await h.call('/api/v1/auth/logout', { method: 'POST', bearer: first })
  expect(answer.json).toEqual({ status: 'success', message: 'Signed out' })
  expect(await refusal(first)).toBe('The token was revoked')
  expect(await principal?.stillValid()).toBe(false)
  expect((await h.call('/probe', { bearer: second })).status).toBe(200)
})

test('a request without credentials gets 401 ACCESS_001', async () => {
  const answer = await h.call('/probe')
  expect(answer.status).toBe(401)
  expect(answer.json.error.code).toBe('ACCESS_001')
})
