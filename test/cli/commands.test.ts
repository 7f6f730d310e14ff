import { execFile } from 'node:child_process'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { tokenFile } from '../../src/cli/api/token-file.ts'
import { json, refusal, startFakeApi, wrapped } from './fake-api.ts'
import { folderWith, pretendRunning } from './folder.ts'
import { capstan } from './run.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

test('bin/capstan.js is the command line', async () => {
  const run = promisify(execFile)
  const { stdout } = await run(process.execPath, [join(root, manifest.bin.capstan), '--version'], {
    cwd: root,
  })
  expect(stdout).toBe(`${manifest.version}\n`)
})

describe('arguments', () => {
  test.each([
    [['deploy']],
    [['deploy', '.', '--limit', '1']],
    [['nonsense']],
    [['jobs', 'list', '--limit', '0']],
  ])('that are invalid end with 2: %j', async (args) => {
    const { code, err } = await capstan(args)
    expect(code).toBe(2)
    expect(err).toContain('error: ')
  })

  test('with --help print the help and end with 0', async () => {
    const { code, out } = await capstan(['deploy', '--help'])
    expect(code).toBe(0)
    expect(out).toContain('--max-retries')
    expect((await capstan(['--help'])).out).toMatch(/Exit codes:\n {2}0 .*\n {2}1 .*\n {2}2 .*\n {2}3 /)
  })
})

describe('a refusal by the API', () => {
  test.each([[['deploy', 'cancel', 'x']], [['deploy', 'list']]])(
    'of %j names options instead of fields',
    async (args) => {
      const answer = refusal('STATE_001', 'Deploying it again needs options.force: true')
      const fields = [
        { path: 'config.environmentVars.BIG', problem: 'too long' },
        { path: 'environment', problem: 'unknown' },
        { path: 'config.modules', problem: 'empty' },
      ]
      Object.assign(answer.error, { details: { fields }, suggestedAction: 'Send options.dryRun first' })
      const api = await startFakeApi((_asked, res) => json(res, 409, answer))
      const { code, err } = await capstan(args, { env: { CAPSTAN_URL: api.url, CAPSTAN_TOKEN: 'x' } })
      expect(code).toBe(2)
      expect(err.split('\n')).toEqual([
        'error: Deploying it again needs --force [STATE_001]',
        '  --var BIG: too long',
        '  --environment: unknown',
        '  config.modules: empty',
        '  Send --dry-run first',
        '',
      ])
    },
  )
})

describe('the connection to the API', () => {
  test('ends with 3 if the address does not answer', async () => {
    const probe = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => probe.once('listening', resolve))
    const { port } = probe.address() as AddressInfo
    await new Promise((resolve) => probe.close(resolve))
    const env = { CAPSTAN_URL: `http://127.0.0.1:${port}`, CAPSTAN_TOKEN: 'x' }
    const { code, err } = await capstan(['deploy', 'list'], { env })
    expect(code).toBe(3)
    expect(err.split('\n')).toEqual([
      `error: Capstan can't be reached at http://127.0.0.1:${port} (ECONNREFUSED)`,
      '  Check that the service runs; capstan context list shows the services that commands can use',
      '',
    ])
  })

  test('ends with 3 if another server answers', async () => {
    const other = await startFakeApi((_asked, res) => void res.end('<html>'))
    const { code } = await capstan(['deploy', 'list'], {
      env: { CAPSTAN_URL: other.url, CAPSTAN_TOKEN: 'x' },
    })
    expect(code).toBe(3)
  })

  test('does not follow a redirect, which would receive the token', async () => {
    const other = await startFakeApi((_asked, res) => json(res, 200, {}))
    const api = await startFakeApi((_asked, res) => void res.writeHead(302, { Location: other.url }).end())
    const { code } = await capstan(['deploy', 'list'], { env: { CAPSTAN_URL: api.url, CAPSTAN_TOKEN: 'x' } })
    expect([code, other.asked.length]).toEqual([3, 0])
  })

  test("does not send this machine's own token to a CAPSTAN_URL", async () => {
    const api = await startFakeApi((_asked, res) => json(res, 200, {}))
    const { code, err } = await capstan(['deploy', 'list'], { env: { CAPSTAN_URL: api.url } })
    expect([code, api.asked.length]).toEqual([2, 0])
    expect(err).toContain('CAPSTAN_TOKEN is not set')
  })

  test('creates no data folder if Capstan was never started', async () => {
    const DATA_DIR = join(folderWith({}), 'none')
    for (const args of [['deploy', 'list'], ['jobs', 'list'], ['cloud']]) {
      expect(await capstan(args, { env: { DATA_DIR } })).toMatchObject({
        code: 2,
        err: expect.stringContaining('npm start'),
      })
    }
    expect(existsSync(DATA_DIR)).toBe(false)
  })
})

describe('the token of the local installation', () => {
  test('is stored with mode 0600, and replaced after a refusal', async () => {
    const DATA_DIR = folderWith({
      'secret.key': 'k'.repeat(43),
      'postgres.json': '{"port":1,"password":"p"}',
      'cli-token': 'ora_old\n',
    })
    const api = await startFakeApi((asked, res) => {
      if (asked.headers.authorization !== 'Bearer ora_made')
        return json(res, 401, refusal('ACCESS_002', 'Bad'))
      json(res, 200, { jobs: [], next_cursor: null })
    })
    pretendRunning(DATA_DIR, { url: api.url })
    const env = { DATA_DIR }
    expect(await capstan(['jobs', 'list'], { env })).toMatchObject({ code: 0 })
    expect(api.asked.map((each) => each.headers.authorization)).toEqual(['Bearer ora_old', 'Bearer ora_made'])
    const file = join(DATA_DIR, 'cli-token')
    expect(readFileSync(file, 'utf8')).toBe('ora_made\n')
    expect(statSync(file).mode & 0o777).toBe(0o600)
  })

  test('is read again if another command has just replaced it', async () => {
    const folder = folderWith({ 'cli-token': 'first' })
    let made = 0
    const token = tokenFile(folder, async () => `made ${++made}`)
    expect(await token()).toBe('first')
    writeFileSync(join(folder, 'cli-token'), 'second')
    expect(await token('first')).toBe('second')
    expect(await token('second')).toBe('made 1')
    expect(await token('made 1')).toBeUndefined()
  })
})

describe('the commands jobs and cloud', () => {
  const id = '11111111-2222-4333-8444-555555555555'
  const job = {
    ...{ id, queue: 'deploy-step', name: 'deploy-step', state: 'running', attempt: 1, max_attempts: 4 },
    ...{ error: { code: 'X', message: 'bad\u001b[2J' }, cancel_requested: true, subject: null },
    ...{ created_at: 'c', started_at: 's', finished_at: null },
  }

  test('call the API for show, retry and cancel', async () => {
    const api = await startFakeApi((_asked, res) => json(res, 200, job))
    const env = { CAPSTAN_URL: api.url, CAPSTAN_TOKEN: 'x' }
    const shown = await capstan(['jobs', 'show', id], { env })
    expect(shown.out).toContain('state    running, asked to end\n')
    expect(shown.out).toContain('error    bad[2J\n')
    await capstan(['jobs', 'retry', id], { env })
    await capstan(['jobs', 'cancel', '../x'], { env })
    expect(api.asked.map(({ method, path }) => `${method} ${path}`)).toEqual([
      `GET /jobs/${id}`,
      `POST /jobs/${id}/retry`,
      'POST /jobs/..%2Fx/cancel',
    ])
  })

  test('print the environment for wrangler', async () => {
    const DATA_DIR = folderWith({ 'secret.key': 'k'.repeat(43) })
    const localCloud = { port: 8123, token: 'a-token-of-20-characters' }
    pretendRunning(DATA_DIR, { url: 'http://127.0.0.1:1', localCloud })
    const env = { DATA_DIR }
    const { out } = await capstan(['cloud'], { env })
    expect(out).toContain('export CLOUDFLARE_API_BASE_URL=http://127.0.0.1:8123/client/v4\n')
    expect(out).toContain('export CLOUDFLARE_API_TOKEN=a-token-of-20-characters\n')
    const { accountId } = JSON.parse((await capstan(['cloud', '--json'], { env })).out)
    expect(out).toContain(`export CLOUDFLARE_ACCOUNT_ID=${accountId}\n`)
  })
})

test('logs prevents the output of an app from controlling the terminal or forging entries', async () => {
  const text = '\u001b]0;title\u0007\u001b[31mred\u202e\0\r\n2026-01-01T00:00:00.000Z error forged'
  const logs = [{ time: '2026-01-01T00:00:00.000Z', level: 'log', text }]
  const api = await startFakeApi((_, res) => json(res, 200, wrapped({ logs })))
  const { out } = await capstan(['logs', 'shop', '--environment', 'staging'], {
    env: { CAPSTAN_URL: api.url, CAPSTAN_TOKEN: 'a-token' },
  })
  expect(out).toBe(
    '2026-01-01T00:00:00.000Z log   ]0;title[31mred\n    2026-01-01T00:00:00.000Z error forged\n',
  )
})

test('logs shows the last lines of an app', async () => {
  const lines = ['one', 'two', 'three\n    at main.js:1:2'].map((text) => ({
    time: '2026-01-01T00:00:00.000Z',
    level: 'error',
    text,
  }))
  const api = await startFakeApi((_, res) => json(res, 200, wrapped({ logs: lines })))
  const args = ['logs', 'shop', '--env', 'production', '--limit', '2']
  const { code, out } = await capstan(args, { env: { CAPSTAN_URL: api.url, CAPSTAN_TOKEN: 'a-token' } })
  expect([code, out]).toEqual([
    0,
    '2026-01-01T00:00:00.000Z error two\n2026-01-01T00:00:00.000Z error three\n        at main.js:1:2\n',
  ])
  expect(api.asked.map(({ path }) => path)).toEqual(['/deploy/apps/shop/production/logs'])
})

test('logs finds the only environment of an app, and names both if there are two', async () => {
  const apps = (...environments: string[]) =>
    startFakeApi((asked, res) =>
      asked.path === '/deploy/apps'
        ? json(
            res,
            200,
            wrapped({ apps: environments.map((each) => ({ appName: 'shop', environment: each })) }),
          )
        : json(res, 200, wrapped({ logs: [] })),
    )
  const only = await apps('production')
  const at = (api: { url: string }) => ({ env: { CAPSTAN_URL: api.url, CAPSTAN_TOKEN: 'a-token' } })
  const { code, out } = await capstan(['logs', 'shop'], at(only))
  expect([code, out]).toEqual([0, 'shop in production has written nothing\n'])
  expect(only.asked.map(({ path }) => path)).toEqual(['/deploy/apps', '/deploy/apps/shop/production/logs'])
  const both = await capstan(['logs', 'shop'], at(await apps('production', 'staging')))
  expect(both).toMatchObject({ code: 2, err: expect.stringContaining('say which one with --environment') })
  const misspelt = await capstan(['logs', 'shop', '--environment', 'stagign'], at(only))
  expect(misspelt).toMatchObject({ code: 2, err: 'error: --environment has to be staging or production\n' })
})

test('logs prints the wrangler command for an app on Cloudflare', async () => {
  const answer = refusal('STATE_003', 'Cloudflare keeps no log lines that could be read afterwards')
  answer.error.suggestedAction = 'Run: npx wrangler tail shop-staging'
  const api = await startFakeApi((_asked, res) => json(res, 424, answer))
  const env = { CAPSTAN_URL: api.url, CAPSTAN_TOKEN: 'a-token' }
  const { code, err } = await capstan(['logs', 'shop', '--env', 'staging'], { env })
  expect([code, err]).toEqual([2, expect.stringContaining('  Run: npx wrangler tail shop-staging\n')])
})
