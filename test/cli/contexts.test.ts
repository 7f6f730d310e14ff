import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Asked, json, refusal, startFakeApi } from './fake-api.ts'
import { folderWith, pretendRunning } from './folder.ts'
import { capstan } from './run.ts'

const account = { id: 'u', username: 'ops', email: 'o@example.org', is_admin: true, scopes: null }
const made = {
  id: 't-1',
  name: 'capstan',
  token: 'ora_made',
  scopes: null,
  expires_at: null,
  created_at: 'c',
}

/** An API that knows one password and the tokens given. */
async function startService(tokens: string[] = ['ora_given', 'ora_made', 'jwt']) {
  return startFakeApi(({ method, path, headers, body }, res) => {
    if (path === '/api/v1/auth/login')
      return body.password === 'a-good-password'
        ? json(res, 200, { access_token: 'jwt', token_type: 'bearer', expires_in: 1 })
        : json(res, 401, refusal('ACCESS_002', 'Invalid username or password'))
    if (!tokens.includes(headers.authorization?.replace('Bearer ', '') ?? ''))
      return json(res, 401, refusal('ACCESS_002', 'The token is not valid'))
    if (path === '/api/v1/auth/me') return json(res, 200, account)
    if (path === '/api/v1/auth/tokens' && method === 'POST') return json(res, 200, made)
    if (path === '/jobs?limit=20') return json(res, 200, { jobs: [], next_cursor: null })
    return json(res, 200, { status: 'success', message: 'Done' })
  })
}

const home = () => {
  const folder = folderWith({})
  return { HOME: folder, XDG_STATE_HOME: folder } as NodeJS.ProcessEnv
}
const filesOf = (env: NodeJS.ProcessEnv) => join(env.HOME ?? '', '.config/capstan')
const used = (asked: Asked[]) =>
  asked.map(({ method, path, headers }) => `${method} ${path} ${headers.authorization ?? ''}`.trim())

describe('capstan login', () => {
  test('keeps a given token as the current context, readable by its user only', async () => {
    const api = await startService()
    const env = home()
    const ran = await capstan(['login', api.url, '--name', 'prod'], { env, input: 'ora_given' })
    expect(ran).toEqual({
      code: 0,
      err: '',
      out: `Signed in to ${api.url} as ops; the current context is prod\n`,
    })
    const file = join(filesOf(env), 'contexts/prod.json')
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({
      url: api.url,
      token: 'ora_given',
      username: 'ops',
    })
    expect(
      [file, filesOf(env), join(filesOf(env), 'contexts')].map((each) => statSync(each).mode & 0o777),
    ).toEqual([0o600, 0o700, 0o700])
    expect((await capstan(['jobs', 'list'], { env })).code).toBe(0)
    expect(used(api.asked).at(-1)).toBe('GET /jobs?limit=20 Bearer ora_given')
  })

  test('creates a token with a password, ends the session, and names the context after the host', async () => {
    const api = await startService()
    const env = { ...home(), CAPSTAN_PASSWORD: 'a-good-password' }
    const args = [
      'login',
      `${api.url}/`,
      '--username',
      'ops',
      '--scope',
      'jobs:read',
      '--expires',
      '30d',
      '--json',
    ]
    const ran = await capstan(args, { env })
    const name = api.url.replace('http://', '').replace(':', '-')
    expect(JSON.parse(ran.out)).toEqual({ context: name, url: api.url, username: 'ops', token_id: 't-1' })
    expect(used(api.asked)).toEqual([
      'POST /api/v1/auth/login',
      'POST /api/v1/auth/tokens Bearer jwt',
      'POST /api/v1/auth/logout Bearer jwt',
      'GET /api/v1/auth/me Bearer ora_made',
    ])
    expect(api.asked[1]?.body).toMatchObject({
      scopes: ['jobs:read'],
      expires_at: expect.stringMatching(/T.*Z$/),
    })
    expect(ran.out + ran.err).not.toMatch(/ora_made|jwt|a-good-password/)
  })

  test('asks on a terminal, without showing the answers', async () => {
    const api = await startService()
    const env = home()
    const answers = { 'API token': '', 'User name': 'ops', Password: 'a-good-password', Address: api.url }
    expect(await capstan(['login', '--name', 'a'], { env, answers })).toMatchObject({ code: 0 })
    const typed = await capstan(['login', api.url, '--name', 'b'], { env, keys: 'ora_given\n' })
    expect(typed).toMatchObject({ code: 0, err: expect.not.stringContaining('ora_given') })
  })

  test('never takes the address from a .env, and shows the address when it asks', async () => {
    const [api, stranger] = [await startService(), await startService()]
    const shellEnv = { ...home(), CAPSTAN_PASSWORD: 'a-good-password' }
    const env = { ...shellEnv, CAPSTAN_URL: stranger.url }
    const silent = await capstan(['login', '--username', 'ops'], { env, shellEnv })
    expect([silent.code, silent.err]).toEqual([2, expect.stringContaining('Say where to sign in')])
    const asked = { 'Address of the service': api.url, [`API token for ${api.url} (`]: 'ora_given' }
    expect(await capstan(['login'], { env, shellEnv, answers: asked })).toMatchObject({ code: 0, err: '' })
    const { CAPSTAN_PASSWORD: _, ...noPassword } = shellEnv
    const named = {
      [`API token for ${api.url} (`]: '',
      [`User name for ${api.url}: `]: 'ops',
      [`Password for ${api.url}: `]: 'a-good-password',
    }
    expect(await capstan(['login', api.url], { env: noPassword, answers: named })).toMatchObject({ code: 0 })
    expect(stranger.asked).toEqual([])
  })

  test('leaves no session and no token behind if a later request fails', async () => {
    let failing: string[] = []
    const api = await startFakeApi(({ method, path }, res) => {
      const request = `${method} ${path.replace('/api/v1/auth/', '')}`
      if (failing.includes(request)) return json(res, 500, refusal('INTERNAL_001', `No ${request}`))
      if (path.endsWith('/login'))
        return json(res, 200, { access_token: 'jwt', token_type: 'bearer', expires_in: 1 })
      if (request === 'POST tokens') return json(res, 200, made)
      return json(res, 200, path.endsWith('/me') ? account : { status: 'success', message: 'Done' })
    })
    const env: NodeJS.ProcessEnv = { ...home(), CAPSTAN_PASSWORD: 'a-good-password' }
    const last = async (variables: NodeJS.ProcessEnv, ...requests: string[]) => {
      failing = requests
      const { code, err } = await capstan(['login', api.url, '--username', 'ops'], { env: variables })
      expect([code, existsSync(join(filesOf(env), 'contexts'))]).not.toEqual([0, true])
      return { err, request: used(api.asked).at(-1) }
    }
    const revocation = 'DELETE /api/v1/auth/tokens/t-1 Bearer ora_made'
    expect(await last(env, 'POST tokens')).toEqual({
      err: expect.stringContaining('No POST tokens'),
      request: 'POST /api/v1/auth/logout Bearer jwt',
    })
    expect(await last(env, 'POST logout')).toMatchObject({ request: revocation })
    expect(await last(env, 'GET me')).toMatchObject({ request: revocation })
    const lost = await last(env, 'GET me', 'DELETE tokens/t-1')
    expect(lost.err).toContain('revoke it with capstan tokens revoke t-1')
    // The folder of the contexts is a file: nothing can be saved.
    writeFileSync(join(env.HOME ?? '', 'file'), '')
    expect(await last({ ...env, XDG_CONFIG_HOME: join(env.HOME ?? '', 'file') })).toMatchObject({
      request: revocation,
    })
  })

  test('keeps nothing if the service refuses the token or the password', async () => {
    const api = await startService()
    const env = home()
    const wrong = await capstan(['login', api.url], { env, input: 'ora_wrong' })
    expect([wrong.code, wrong.err]).toEqual([
      2,
      expect.stringContaining('The token is not valid [ACCESS_002]'),
    ])
    const bad = await capstan(['login', api.url, '--username', 'ops'], { env, input: 'wrong' })
    expect([bad.code, bad.err]).toEqual([2, expect.stringContaining('Invalid username or password')])
    const away = await capstan(['login', 'http://127.0.0.1:1'], { env, input: 'ora_given' })
    expect(away.code).toBe(3)
    expect(existsSync(filesOf(env))).toBe(false)
  })

  test.each([
    [['login'], 'Say where to sign in'],
    [['login', 'ftp://x'], 'The address is not an http(s) URL'],
    [['login', 'https://user:pass@example.org'], 'The address is not an http(s) URL'],
    [['login', 'https://example.org', '--name', '../x'], 'A name of a context has letters'],
    [['login', 'https://example.org', '--name', 'local'], 'is the service on this machine'],
    [['login', 'https://example.org'], 'The API token is missing: pipe it to standard input'],
    [['login', 'https://example.org', '--scope', 'everything'], 'Allowed choices are'],
    [['login', 'https://example.org', '--expires', 'soon'], 'Expected a time'],
  ])('refuses %j: %s', async (args, problem) => {
    const ran = await capstan(args, { env: home() })
    expect([ran.code, ran.err]).toEqual([2, expect.stringContaining(problem)])
  })

  test('revokes the token of the sign-in before, and replaces no context of another service', async () => {
    const [api, other] = [await startService(), await startService()]
    const env = { ...home(), CAPSTAN_PASSWORD: 'a-good-password' }
    const again = () => capstan(['login', api.url, '--username', 'ops', '--name', 'prod'], { env })
    await again()
    await again()
    expect(used(api.asked)).toContain('DELETE /api/v1/auth/tokens/t-1 Bearer ora_made')
    const refused = await capstan(['login', other.url, '--name', 'prod'], { env, input: 'ora_given' })
    expect([refused.code, other.asked]).toEqual([2, []])
  })

  test('warns of an address that is not encrypted, and of variables that count first', async () => {
    const api = await startService()
    const variables = { CAPSTAN_URL: api.url, CAPSTAN_TOKEN: 'x' }
    const ran = await capstan(['login', '--name', 'a'], {
      env: { ...home(), ...variables },
      input: 'ora_given',
    })
    expect(ran.err).toBe('note: CAPSTAN_URL and CAPSTAN_TOKEN in the environment count before the context\n')
    const plain = await capstan(['login', 'http://192.0.2.1:1'], { env: home() })
    expect(plain.err).toContain('warning: http://192.0.2.1:1 is not encrypted')
  })
})

describe('the service that a command uses', () => {
  async function setting() {
    const [one, two] = [await startService(), await startService(['ora_given'])]
    const env = home()
    await capstan(['login', one.url, '--name', 'one'], { env, input: 'ora_made' })
    await capstan(['login', two.url, '--name', 'two'], { env, input: 'ora_given' })
    for (const each of [one, two]) each.asked.length = 0
    const ask = async (args: string[] = [], more: NodeJS.ProcessEnv = {}) => {
      const { code, err } = await capstan([...args, 'jobs', 'list'], { env: { ...env, ...more } })
      const answered = [one, two].findIndex(({ asked }) => asked.length > 0)
      const token = used([one, two].flatMap(({ asked }) => asked.splice(0)))[0]
        ?.split(' ')
        .at(-1)
      return { code, err, answered: ['one', 'two'][answered], token }
    }
    return { one, two, env, ask }
  }

  test('is that of CAPSTAN_URL, then --context, then the current context', async () => {
    const { one, ask } = await setting()
    expect(await ask()).toEqual({ code: 0, err: '', answered: 'two', token: 'ora_given' })
    expect(await ask(['--context', 'one'])).toMatchObject({ answered: 'one', token: 'ora_made' })
    expect(await ask(['--context=one'])).toMatchObject({ answered: 'one' })
    const url = { CAPSTAN_URL: one.url, CAPSTAN_TOKEN: 'jwt' }
    expect(await ask([], url)).toEqual({ code: 0, err: '', answered: 'one', token: 'jwt' })
    const note = 'note: CAPSTAN_URL is set, so --context two is ignored; unset it to use the context\n'
    expect(await ask(['--context', 'two'], url)).toEqual({
      code: 0,
      err: note,
      answered: 'one',
      token: 'jwt',
    })
  })

  test('is that of a chosen context, not of the CAPSTAN_URL or CAPSTAN_TOKEN of a .env', async () => {
    const { one, two, env: shellEnv } = await setting()
    const stranger = await startService()
    const dataDir = folderWith({})
    writeFileSync(join(dataDir, 'secret.key'), 'key', { mode: 0o600 })
    pretendRunning(dataDir, { url: one.url })
    const file = { CAPSTAN_URL: stranger.url, CAPSTAN_TOKEN: 'ora_made', DATA_DIR: dataDir }
    const ask = (args: string[], shell = shellEnv, settings: NodeJS.ProcessEnv = file) =>
      capstan([...args, 'jobs', 'list'], { env: { ...settings, ...shell }, shellEnv: shell })
    expect(await ask(['--context', 'one'])).toMatchObject({ code: 0, err: '' })
    const note = 'note: CAPSTAN_URL of the .env is ignored, because the current context is two\n'
    expect(await ask([])).toMatchObject({ code: 0, err: note })
    expect(await ask([], shellEnv, { CAPSTAN_TOKEN: 'ora_made' })).toMatchObject({ code: 0 })
    expect([one, two].map(({ asked }) => used(asked))).toEqual([
      ['GET /jobs?limit=20 Bearer ora_made'],
      ['GET /jobs?limit=20 Bearer ora_given', 'GET /jobs?limit=20 Bearer ora_given'],
    ])
    const shell = { ...shellEnv, DATA_DIR: dataDir, CAPSTAN_TOKEN: 'jwt' }
    expect(await ask([], shell)).toMatchObject({ code: 0, err: '' })
    expect(used(one.asked).at(-1)).toBe('GET /jobs?limit=20 Bearer jwt')
    expect(stranger.asked).toEqual([])
    // Without a context, the file decides.
    expect(await ask([], home())).toMatchObject({ code: 0, err: '' })
    expect(used(stranger.asked)).toEqual(['GET /jobs?limit=20 Bearer ora_made'])
  })

  test('takes the option after the words of the command, too', async () => {
    const { one, env } = await setting()
    const ran = await capstan(['jobs', 'list', '--context', 'one'], { env })
    expect([ran.code, one.asked.length]).toEqual([0, 1])
  })

  test('never gets the token of another one', async () => {
    const { one, ask } = await setting()
    expect(await ask([], { CAPSTAN_URL: `${one.url}/` })).toMatchObject({
      answered: 'one',
      token: 'ora_made',
    })
    const stranger = await startService()
    const refused = await ask([], { CAPSTAN_URL: stranger.url })
    expect([refused.code, refused.err]).toEqual([2, expect.stringContaining('CAPSTAN_TOKEN is not set')])
    expect(stranger.asked).toEqual([])
    expect(await ask([], { CAPSTAN_TOKEN: 'ora_given' })).toMatchObject({
      answered: 'two',
      token: 'ora_given',
    })
  })

  test('is the one in DATA_DIR, which was named for this command, before the current context', async () => {
    const { one, ask } = await setting()
    const dataDir = folderWith({})
    writeFileSync(join(dataDir, 'secret.key'), 'key', { mode: 0o600 })
    pretendRunning(dataDir, { url: one.url })
    const env = { DATA_DIR: dataDir, CAPSTAN_TOKEN: 'jwt' }
    expect(await ask([], env)).toMatchObject({ answered: 'one', token: 'jwt' })
    expect(await ask(['--context', 'two'], env)).toMatchObject({ answered: 'two' })
    expect(await ask([], { DATA_DIR: folderWith({}) })).toMatchObject({ answered: 'two', token: 'ora_given' })
    expect(await ask(['--context', 'local'], env)).toMatchObject({ answered: 'one' })
  })

  test('is not guessed for an unknown name', async () => {
    const { ask } = await setting()
    const lost = await ask(['--context', 'lost'])
    expect([lost.code, lost.err]).toEqual([2, 'error: There is no context lost; there are one, two\n'])
    expect((await ask(['--context', '../one'])).code).toBe(2)
  })

  test('is not that of a file that others can read', async () => {
    const { env, ask } = await setting()
    chmodSync(join(filesOf(env), 'contexts/two.json'), 0o644)
    const { code, err, answered } = await ask()
    expect([code, answered]).toEqual([2, undefined])
    expect(err).toContain('must belong to you and be readable by nobody else: chmod 600')
    expect(err).not.toContain('ora_given')
  })

  test('needs no context where CAPSTAN_URL and CAPSTAN_TOKEN are set', async () => {
    const { one, env, ask } = await setting()
    chmodSync(join(filesOf(env), 'contexts/two.json'), 0o644)
    expect(await ask([], { CAPSTAN_URL: one.url, CAPSTAN_TOKEN: 'jwt' })).toMatchObject({ code: 0, err: '' })
  })

  test('can be listed, shown, chosen and removed', async () => {
    const { one, env, ask } = await setting()
    const run = (...args: string[]) => capstan(['context', ...args], { env })
    expect((await run('list')).out).toMatch(/^ {3}name .*\n {3}local .*\n {3}one .*ops\n\* {2}two .*ops\n$/)
    expect((await run('use', 'one')).out).toBe(`Commands now use ${one.url}\n`)
    expect(await ask()).toMatchObject({ answered: 'one' })
    const shown = await run('show', '--json')
    expect(JSON.parse(shown.out)).toEqual({ name: 'one', url: one.url, username: 'ops' })
    await run('remove', 'one')
    expect(JSON.parse((await run('list', '--json')).out)).toMatchObject({
      current: 'local',
      contexts: [{}, { name: 'two' }],
    })
    expect((await run('use', 'one')).code).toBe(2)
    expect((await run('remove', 'one')).code).toBe(2)
    expect((await run('use', 'local')).code).toBe(0)
  })
})

describe('capstan logout', () => {
  test('revokes the token that login has created, and removes the context', async () => {
    const api = await startService()
    const env = { ...home(), CAPSTAN_PASSWORD: 'a-good-password' }
    await capstan(['login', api.url, '--username', 'ops', '--name', 'prod'], { env })
    const ran = await capstan(['logout', '--json'], { env })
    expect([ran.code, JSON.parse(ran.out)]).toEqual([0, { context: 'prod', url: api.url, revoked: true }])
    expect(used(api.asked).at(-1)).toBe('DELETE /api/v1/auth/tokens/t-1 Bearer ora_made')
    expect(readdirSync(join(filesOf(env), 'contexts'))).toEqual([])
    expect((await capstan(['logout'], { env })).code).toBe(2)
  })

  test('removes the context of a service that is away, and says that the token stays valid', async () => {
    const api = await startService()
    const env = { ...home(), CAPSTAN_PASSWORD: 'a-good-password' }
    await capstan(['login', api.url, '--username', 'ops', '--name', 'prod'], { env })
    api.server.close()
    api.server.closeAllConnections()
    const ran = await capstan(['logout'], { env })
    expect([ran.code, ran.err]).toEqual([1, expect.stringContaining('could not be revoked and stays valid')])
    expect(readdirSync(join(filesOf(env), 'contexts'))).toEqual([])
  })
})
