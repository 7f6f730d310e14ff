import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Harness, password, rows, secretKey, startAccounts } from './harness.ts'

let h: Harness
beforeAll(async () => {
  h = await startAccounts()
})
afterAll(() => h.close())

test('database rows and log lines contain no secret', async () => {
  await h.user('ada')
  const jwt = await h.signIn('ada')
  const { cookie, csrf } = await h.browser('ada')
  const { token } = (await h.call('/api/v1/auth/tokens', { bearer: jwt, json: { name: 'ci' } })).json
  await h.call('/probe', { bearer: token })
  // A password entered in the user name field.
  const typo = 'my-secret-password'
  await h.call('/api/v1/auth/login', { json: { username: typo, password: 'whatever it is' } })
  await h.call('/login', { form: { username: typo, password: 'whatever it is' } })
  await h.call('/probe', { bearer: `${jwt}x` })
  const json = { current_password: password, new_password: 'another password' }
  await h.call('/api/v1/auth/password', { bearer: jwt, json })
  await h.call('/api/v1/auth/logout', { method: 'POST', bearer: await h.signIn('ada', json.new_password) })

  const tables = [
    'users',
    'api_tokens',
    'sessions',
    'revoked_jwts',
    'login_limits',
    'sign_in_places',
    'idempotency_keys',
  ]
  let stored = h.logLines.join('\n')
  for (const table of tables) {
    for (const row of await rows(h.db, table)) {
      const values = Object.values(row).map((value) =>
        Buffer.isBuffer(value)
          ? [...(['utf8', 'hex', 'base64url'] as const)].map((as) => value.toString(as))
          : value,
      )
      stored += `\n${JSON.stringify(values)}`
    }
  }
  expect(stored).toContain('signed in')
  expect(stored).toContain('$argon2id$v=19$m=19456,t=2,p=1$')
  const browserId = /capstan_browser=([^;.]+)/.exec(cookie)?.[1] ?? 'missing'
  const sessionId = /capstan_session=([^;]+)/.exec(cookie)?.[1] ?? 'missing'
  const secrets = [
    password,
    'another password',
    'whatever it is',
    typo,
    jwt,
    token,
    sessionId,
    browserId,
    csrf,
    secretKey,
  ]
  for (const secret of secrets) {
    expect(secret.length).toBeGreaterThan(10)
    expect(stored).not.toContain(secret)
  }
  expect(stored).not.toContain(token.slice(4))
})
