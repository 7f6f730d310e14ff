import { PassThrough } from 'node:stream'
import { Command } from 'commander'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { registerAccountCommands } from '../../src/accounts/commands.ts'
import { ensureFirstAdmin, pruneAccounts } from '../../src/accounts/index.ts'
import { addUser } from '../../src/accounts/users/administration.ts'
import { terminalPrompt } from '../../src/cli/prompt.ts'
import { type Harness, password, rateLimits, rows, startAccounts } from './harness.ts'

let h: Harness
beforeEach(async () => {
  h = await startAccounts()
})
afterEach(() => h.close())

const admin = { username: 'admin', email: 'admin@localhost', password: undefined }

/** Runs a command line with scripted answers. @returns the output or the error */
async function capstan(args: string[], answers: string[] = [], interactive = true): Promise<string> {
  const lines: string[] = []
  const program = new Command().exitOverride().configureOutput({ writeErr: () => undefined })
  registerAccountCommands(program, {
    withDb: (work) => work({ db: h.db, secrets: h.secrets, config: { rateLimits } }),
    print: (line) => void lines.push(line),
    prompt: {
      interactive,
      ask: async () => answers.shift() ?? '',
      firstLine: async () => answers.shift() ?? '',
    },
  })
  for (const command of program.commands.flatMap((each) => [each, ...each.commands])) {
    command.exitOverride().configureOutput({ writeErr: () => undefined })
  }
  try {
    await program.parseAsync(['admin', ...args], { from: 'user' })
  } catch (error) {
    // The one that `explain` ends with 2: refused, and nothing was changed.
    expect(error).toMatchObject({ name: 'UsageFault' })
    return (error as Error).message
  }
  return lines.join('\n')
}

test('two concurrent first starts create one administrator, and one of them returns the password', async () => {
  const options = { db: h.db, admin, rateLimit: rateLimits.admin, embedded: true, log: h.log }
  const results = await Promise.all([ensureFirstAdmin(options), ensureFirstAdmin(options)])
  const created = results.filter((each) => each.created)
  expect(created).toHaveLength(1)
  expect(results.find((each) => !each.created)).toEqual({ created: false })
  const { generatedPassword = '' } = created[0] as { generatedPassword?: string }
  expect(generatedPassword.length).toBeGreaterThan(20)
  expect(await rows(h.db, 'users')).toMatchObject([
    { username: 'admin', is_admin: true, rate_limit_burst: 200 },
  ])
  expect(await h.signIn('admin', generatedPassword)).toMatch(/^ey/)
  expect(await ensureFirstAdmin(options)).toEqual({ created: false })
})

test('the first start outside embedded mode requires a password', async () => {
  const options = { db: h.db, rateLimit: rateLimits.admin, embedded: false, log: h.log }
  await expect(ensureFirstAdmin({ ...options, admin })).rejects.toMatchObject({
    name: 'ConfigError',
    faults: ['ADMIN_PASSWORD: required for the first start'],
  })
  expect(await rows(h.db, 'users')).toEqual([])
  expect(await ensureFirstAdmin({ ...options, admin: { ...admin, password } })).toEqual({ created: true })
  expect(await h.signIn('admin')).toMatch(/^ey/)
  expect(await ensureFirstAdmin({ ...options, admin })).toEqual({ created: false })
})

test('names and e-mails are unique, ignoring case', async () => {
  await h.user('ada')
  const account = { passwordHash: 'x', isAdmin: false, rateLimit: rateLimits.user }
  await expect(
    addUser(h.db, { ...account, username: 'ADA', email: 'new@example.org' }),
  ).rejects.toMatchObject({
    code: 'STATE_001',
    message: 'Username already exists',
  })
  await expect(
    addUser(h.db, { ...account, username: 'new', email: 'Ada@Example.org' }),
  ).rejects.toMatchObject({
    code: 'STATE_001',
    message: 'Email already exists',
  })
})

test('admin create creates an administrator and prints a valid token', async () => {
  const printed = await capstan(['create', '-u', 'ops', '-e', 'ops@example.org', '-p', password])
  const token = /ora_[\w-]{43}/.exec(printed)?.[0]
  expect((await h.call('/probe', { bearer: token })).json.admin).toBe(true)
  expect(await h.signIn('ops')).toMatch(/^ey/)
  const again = await capstan(['create', '-u', 'OPS', '-e', 'other@example.org', '-p', password])
  expect(again).toBe('Username already exists')
})

test('admin create prompts for missing values', async () => {
  expect(await capstan(['create'], ['ops', 'ops@example.org', password, password])).toContain('ora_')
  const differ = await capstan(
    ['create', '-u', 'ops2', '-e', 'ops2@example.org'],
    [password, 'something else'],
  )
  expect(differ).toBe('the passwords differ')
  const short = 'the password must have 8 to 1024 characters'
  expect(await capstan(['create', '-u', 'ops2', '-e', 'ops2@example.org'], ['short', 'short'])).toBe(short)
  expect(await capstan(['create', '-u', 'ops2', '-e', 'ops2@example.org', '-p', 'short'])).toBe(short)
  expect(await capstan(['create', '-u', 'x', '-e', 'x@example.org', '-p', password])).toContain('not valid')
  expect(await h.db('users').count()).toEqual([{ count: '1' }])
})

test('admin create reads the password from a pipe without prompting', async () => {
  const args = ['create', '-u', 'ops', '-e', 'ops@example.org']
  expect(await capstan(args, [password], false)).toContain('ora_')
  expect(await capstan(['create', '-u', 'ops2'], [password], false)).toContain('e-mail is missing')
  for (const none of [[], ['']])
    expect(await capstan(args, none, false)).toMatch(/^the password is missing: set CAPSTAN_PASSWORD/)
  const input = new PassThrough()
  input.end(`${password}\nsecond line\n`)
  expect(await terminalPrompt({ input, output: new PassThrough() }).firstLine()).toBe(password)
})

test('the prompt does not echo a hidden answer', async () => {
  const [input, output] = [new PassThrough(), new PassThrough()]
  const answer = terminalPrompt({ input, output }).ask('Password: ', { hidden: true })
  input.write(`${password}\n`)
  expect(await answer).toBe(password)
  expect(String(output.read())).toBe('Password: \n')
})

test('admin reset-password ends all sessions and tokens and resets the sign-in limit', async () => {
  await h.user('ada')
  const [jwt, page] = [await h.signIn('ada'), await h.browser('ada')]
  const guess = { username: 'ada', password: 'guess guess' }
  for (let round = 0; round < 20; round += 1) await h.call('/api/v1/auth/login', { json: guess })
  expect((await h.call('/api/v1/auth/login', { json: guess })).status).toBe(429)
  const done = await capstan(['reset-password', '-u', 'Ada'], ['a new password', 'a new password'])
  expect(done).toContain('Changed the password of Ada')
  expect((await h.call('/probe', { bearer: jwt })).status).toBe(401)
  expect((await h.call('/probe', { cookie: page.cookie })).status).toBe(401)
  expect(await h.signIn('ada', 'a new password')).toMatch(/^ey/)
  expect(await capstan(['reset-password', '-u', 'nobody', '-p', password])).toContain('no user has this name')
})

test('pruning removes only expired rows', async () => {
  await h.user('ada')
  const jwt = await h.signIn('ada')
  await h.browser('ada')
  await h.call('/api/v1/auth/logout', { method: 'POST', bearer: jwt })
  expect(await pruneAccounts(h.db, h.clock.now)).toBe(0)
  await h.advance(8 * 60 * 60_000)
  expect(await pruneAccounts(h.db, h.clock.now)).toBeGreaterThanOrEqual(2)
  for (const table of ['sessions', 'revoked_jwts', 'login_limits'])
    expect(await rows(h.db, table)).toEqual([])
  expect(await rows(h.db, 'sign_in_places')).toHaveLength(3)
  await h.db('sign_in_places').update({ expires_at: h.clock.now })
  expect(await pruneAccounts(h.db, h.clock.now)).toBe(3)
  expect(await rows(h.db, 'users')).toHaveLength(1)
})

test('pruning corrects times written by a clock that was ahead', async () => {
  await h.user('ada')
  const bearer = await h.signIn('ada')
  await h.browser('ada')
  await h.call('/api/v1/auth/tokens', { bearer, json: { name: 'ci' } })
  const json = { username: 'ada', password: 'guess guess' }
  await h.call('/api/v1/auth/login', { json })
  const far = new Date('2999-01-01T00:00:00Z')
  await h.db('sessions').update({ last_seen_at: far, expires_at: far })
  await h.db('sign_in_places').update({ last_used_at: far, expires_at: far })
  await h.db('login_limits').update({ hits: [far], expires_at: far })
  await h.db('api_tokens').update({ last_used_at: far })
  await pruneAccounts(h.db, h.clock.now)
  const inAYear = Date.now() + 365 * 24 * 60 * 60_000
  for (const table of ['sessions', 'sign_in_places', 'login_limits', 'api_tokens']) {
    const found = await rows(h.db, table)
    expect([table, found.length > 0]).toEqual([table, true])
    for (const row of found)
      for (const column of ['last_seen_at', 'last_used_at', 'expires_at'])
        expect([table, column, Number(row[column] ?? 0) < inAYear]).toEqual([table, column, true])
  }
})
