import { expect, test } from 'vitest'
import { json, startFakeApi } from './fake-api.ts'
import { folderWith } from './folder.ts'
import { capstan } from './run.ts'

const user = {
  ...{ id: '11111111-2222-4333-8444-555555555555', username: 'kim', email: 'k@example.org' },
  ...{ is_admin: false, is_active: true, scopes: null, created_at: 'c', last_login_at: null },
}

/** A service, the variables of a shell that uses it, and those with a `.env` that sets a password. */
async function setting() {
  const api = await startFakeApi(({ path }, res) =>
    json(
      res,
      200,
      path === '/api/v1/auth/users' || path.includes(user.id) ? user : { status: 'success', message: 'Done' },
    ),
  )
  const folder = folderWith({})
  const shellEnv = { HOME: folder, XDG_STATE_HOME: folder, CAPSTAN_URL: api.url, CAPSTAN_TOKEN: 'ora_given' }
  const env = { ...shellEnv, CAPSTAN_PASSWORD: 'of-the-repository' }
  const bodies = () => api.asked.filter(({ method }) => method !== 'GET').map(({ body }) => body)
  return { api, shellEnv, env, bodies }
}

test.each([
  [['users', 'add', 'kim', '--email', 'k@example.org'], 'Password of the user'],
  [['users', 'edit', user.id, '--set-password'], 'New password'],
])('%j takes no password from a .env', async (args, question) => {
  const { env, shellEnv, bodies } = await setting()
  const answers = { [question]: 'typed-by-the-user' }
  expect(await capstan(args, { env, shellEnv, answers })).toMatchObject({ code: 0 })
  const own = { ...shellEnv, CAPSTAN_PASSWORD: 'of-the-shell' }
  expect(await capstan(args, { env: own, answers: {} })).toMatchObject({ code: 0 })
  expect(bodies()).toEqual([
    expect.objectContaining({ password: 'typed-by-the-user' }),
    expect.objectContaining({ password: 'of-the-shell' }),
  ])
})

test('password names the service that gets the passwords, and takes none from a .env', async () => {
  const { api, env, shellEnv, bodies } = await setting()
  const piped = await capstan(['password'], { env, shellEnv, input: 'new-one' })
  expect([piped.code, piped.err, bodies()]).toEqual([2, expect.stringContaining('set CAPSTAN_PASSWORD'), []])
  const answers = {
    [`Current password for ${api.url}: `]: 'old-one',
    [`New password for ${api.url}: `]: 'new-one',
    [`New password again for ${api.url}: `]: 'new-one',
  }
  expect(await capstan(['password'], { env, shellEnv, answers })).toMatchObject({ code: 0 })
  expect(bodies()).toEqual([{ current_password: 'old-one', new_password: 'new-one' }])
})
