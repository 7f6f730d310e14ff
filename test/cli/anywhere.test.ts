import { execFile, spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { readEmbeddedPostgres } from '../../src/embedded/postgres/index.ts'
import { lockDataDir } from '../../src/platform/installation/data-dir-lock.ts'
import { announceRunning, findInstallation, readRunning } from '../../src/platform/installation/index.ts'
import { type Stack, startStack } from '../helpers/stack.ts'
import { folderWith } from './folder.ts'

/** Settings of other projects' shells, with values that Capstan refuses. */
const othersSettings = {
  ...{
    DATABASE_URL: 'mysql://u:p@127.0.0.1:1/shop',
    ENVIRONMENT: 'staging',
    SECRET_KEY: 'short',
    PORT: 'tcp://x',
  },
  ...{ LOG_LEVEL: 'trace', REDIS_URL: 'memory://', MODE: 'dev', PUBLIC_URL: '/', HOST: '' },
}

const root = fileURLToPath(new URL('../..', import.meta.url))

describe('the installed command in another folder', () => {
  let stack: Stack
  let state: string
  beforeAll(async () => {
    state = mkdtempSync(join(tmpdir(), 'capstan-state-'))
    stack = await startStack({
      env: { XDG_STATE_HOME: state, LOCAL_CLOUD_TOKEN: 'a-token-of-20-characters' },
    })
  })
  afterAll(() => stack?.dispose())

  /** Runs the command as `npm i -g` and `npm link` install it: by a link to the checkout. */
  function capstan(args: string[], env: Record<string, string> = {}, cwd = folderWith({})) {
    const bin = join(cwd, 'capstan')
    symlinkSync(join(root, 'bin/capstan.js'), bin)
    const { PATH = '', HOME = '', XDG_CACHE_HOME = '' } = process.env
    const own = { PATH, HOME, XDG_CACHE_HOME, XDG_STATE_HOME: state, CAPSTAN_ENV_FILE: '' }
    const options = { cwd, env: { ...own, ...env } }
    return new Promise<{ code: number; out: string; err: string; made: string[] }>((resolve) =>
      execFile(process.execPath, [bin, ...args], options, (error, out, err) =>
        resolve({
          code: typeof error?.code === 'number' ? error.code : 0,
          ...{ out, err, made: readdirSync(cwd).filter((name) => name !== 'capstan') },
        }),
      ),
    )
  }

  test.each([
    ['without variables', {}],
    ['with ports of something else', { PORT: '1', LOCAL_CLOUD_PORT: '2' }],
    ['with DATABASE_URL of another project', { DATABASE_URL: 'postgresql://u:p@127.0.0.1:1/shop' }],
    ['with ENVIRONMENT of another project', { ENVIRONMENT: 'production' }],
    ['with faulty settings of another project', othersSettings],
  ])(
    'uses the address and the ports of the running service, %s',
    async (_how, env: Record<string, string>) => {
      const listed = await capstan(['deploy', 'list', '--json'], env)
      expect(listed).toMatchObject({ code: 0, err: '', made: [] })
      const cloud = await capstan(['cloud', '--json'], env)
      expect(JSON.parse(cloud.out)).toMatchObject({
        url: `http://127.0.0.1:${stack.cloudPort}`,
        token: 'a-token-of-20-characters',
        appHost: `<script>.localhost:${stack.cloudPort}`,
      })
      expect(cloud.made).toEqual([])
    },
  )

  test('uses the running service of DATA_DIR without an entry in the state folder', async () => {
    const env = { DATA_DIR: stack.dataDir, XDG_STATE_HOME: folderWith({}) }
    expect(await capstan(['deploy', 'list', '--json'], env)).toMatchObject({ code: 0, made: [] })
    expect((await capstan(['cloud'], env)).out).toContain(`http://127.0.0.1:${stack.cloudPort}/client/v4`)
  })

  test.each([
    ['a missing folder', () => '/srv/app/data'],
    ['a folder of another project', () => folderWith({ 'app.db': 'x' })],
    ['a file', () => join(folderWith({ 'app.db': 'x' }), 'app.db')],
  ])(
    'uses the only running service if DATA_DIR is %s, with a note, and refuses it for data',
    async (_kind, make) => {
      const foreign = make()
      const env = { DATA_DIR: foreign }
      const note = `note: DATA_DIR=${foreign} holds no installation of Capstan; this is the one in ${stack.dataDir}\n`
      expect(await capstan(['deploy', 'list', '--json'], env)).toMatchObject({ code: 0, err: note, made: [] })
      const cloud = await capstan(['cloud', '--json'], env)
      expect(cloud).toMatchObject({ code: 0, err: note })
      const refusal = `DATA_DIR=${foreign} holds no installation of Capstan: correct or unset it`
      for (const args of [createAdmin('misplaced'), ['backup', 'saved.tar.gz']])
        expect(await capstan(args, env)).toMatchObject({
          code: 2,
          err: expect.stringContaining(refusal),
          made: [],
        })
      const alone = { ...env, XDG_STATE_HOME: folderWith({}) }
      expect(await capstan(['deploy', 'list'], alone)).toMatchObject({
        code: 2,
        err: expect.stringContaining(refusal),
      })
    },
  )

  test('uses the database of the running service', async () => {
    expect(await capstan(createAdmin('elsewhere'))).toMatchObject({ code: 0, err: '', made: [] })
    expect(await capstan(createAdmin('others'), othersSettings)).toMatchObject({ code: 0, err: '', made: [] })
  })

  test('names the database of DATABASE_URL, and writes nothing to the database of another project', async () => {
    const own = new URL(readEmbeddedPostgres(stack.dataDir)?.url ?? '')
    own.pathname = '/postgres'
    const key = { SECRET_KEY: 'abcdefghijklmnopqrstuvwxyz0123456789' }
    const advice = `To work on the installation in ${stack.dataDir} instead, unset DATABASE_URL\n`
    const foreign = await capstan(createAdmin('foreign'), { ...key, DATABASE_URL: own.href })
    expect(foreign).toMatchObject({ code: 2, out: '' })
    expect(foreign.err).toBe(
      `Database: postgres on ${own.host} (from DATABASE_URL)\n` +
        `error: The database postgres on ${own.host} has no tables of Capstan\n${advice}`,
    )
    const absent = { ...key, DATABASE_URL: 'postgresql://u:of-somebody@127.0.0.1:1/shop' }
    const unreachable = await capstan(['nodes', 'rebuild'], absent)
    expect(unreachable).toMatchObject({ code: 3, err: expect.stringContaining(advice) })
    expect(unreachable.err).toContain("The database shop on 127.0.0.1:1 can't be reached")
    const keyless = await capstan(createAdmin('keyless'), { DATABASE_URL: absent.DATABASE_URL })
    expect(keyless).toMatchObject({ code: 2, err: expect.stringContaining(advice) })
    expect(foreign.err + unreachable.err + keyless.err).not.toMatch(/of-somebody/)
  })

  test('refuses to back up a running service of another folder', async () => {
    const { code, err, made } = await capstan(['backup', 'saved.tar.gz'])
    expect([code, made]).toEqual([2, []])
    expect(err).toContain(`Capstan already runs here (pid `)
    expect(err).toContain(stack.dataDir)
  })

  test('shows a login page at the printed address', async () => {
    const [, address = ''] = /^ready (http\S+)$/m.exec(stack.output()) ?? []
    const page = await fetch(address, { headers: { Accept: 'text/html' } })
    expect([page.status, new URL(page.url).pathname]).toEqual([200, '/login'])
    expect(await page.text()).toContain('<form')
  })

  test('reads only the .env of an installation', async () => {
    const settings = 'CAPSTAN_URL=http://127.0.0.1:1\nCAPSTAN_TOKEN=x\n'
    const ours = await capstan(['deploy', 'list'], {
      CAPSTAN_ENV_FILE: join(folderWith({ '.env': settings }), '.env'),
    })
    expect(ours).toMatchObject({ code: 3, err: expect.stringContaining('http://127.0.0.1:1') })
    const files = { '.env': 'DATABASE_URL=mysql://an-app-of-somebody\nPORT=nonsense\n' }
    const { CAPSTAN_ENV_FILE: _, ...env } = process.env
    const listed = spawnSync(process.execPath, [join(root, 'bin/capstan.js'), 'deploy', 'list'], {
      cwd: folderWith(files),
      env: { ...env, XDG_STATE_HOME: state },
    })
    expect(listed.status).toBe(0)
    const bad = await capstan(['deploy', 'list'], {
      CAPSTAN_ENV_FILE: join(folderWith({ '.env': 'PORT' }), '.env'),
    })
    expect(bad).toMatchObject({ code: 2, err: expect.stringContaining('.env: line 1: expected NAME=value') })
  })

  test('uses state files that only their user can read, and that the service removes when it stops', async () => {
    const [entry = ''] = readdirSync(join(state, 'capstan/running'))
    const file = join(state, 'capstan/running', entry)
    expect(readFileSync(file, 'utf8')).toBe(`${stack.dataDir}\n`)
    for (const each of [file, join(stack.dataDir, 'running.json')])
      expect(statSync(each).mode & 0o777).toBe(0o600)
    await stack.stop()
    expect([existsSync(file), existsSync(join(stack.dataDir, 'running.json'))]).toEqual([false, false])
  })

  test.each([
    ['cloud', {}],
    ['logs shop', {}],
    ['release list', { DATABASE_URL: 'postgresql://u:p@127.0.0.1:1/shop' }],
    ['jobs list', othersSettings],
  ])('prints how to start a stopped service: %s', async (words, env: Record<string, string>) => {
    const { code, out, err } = await capstan(words.split(' '), { ...env, DATA_DIR: stack.dataDir })
    expect([code, out]).toEqual([3, ''])
    expect(err).toContain(
      `The installation in ${stack.dataDir} is not running; start it with: cd ${root.replace(/\/$/, '')} && DATA_DIR=${stack.dataDir} npm start\n`,
    )
  })

  test('backs up the installation of a parent folder, despite the settings of other projects', async () => {
    const above = folderWith({ 'app/src/index.js': '' })
    // PostgreSQL runs as another user instead of root, and that user has to reach the data.
    chmodSync(dirname(above), 0o755)
    symlinkSync(stack.dataDir, join(above, '.capstan'))
    const file = join(above, 'saved.tar.gz')
    const saved = await capstan(['backup', file], othersSettings, join(above, 'app/src'))
    expect(saved).toMatchObject({ code: 0, out: expect.stringContaining(`the files of ${above}`) })
    expect(saved.err).toBe(
      `note: this is the installation in ${join(above, '.capstan')}, not the one of DATABASE_URL\n`,
    )
    expect(existsSync(file)).toBe(true)
  })
})

const createAdmin = (name: string) => [
  ...['admin', 'create', '-u', name, '-e', `${name}@example.org`, '-p', 'a-long-password'],
]

describe('the choice of an installation', () => {
  const log = { warn: () => undefined }

  /** An installation whose files say that it runs: this process holds its lock. */
  function installation(env: NodeJS.ProcessEnv, dataDir: string, url: string) {
    mkdirSync(dataDir, { recursive: true })
    const lock = lockDataDir(dataDir)
    const running = { pid: process.pid, url, embedded: true }
    const withdraw = announceRunning({ env, dataDir, log }, running)
    onTestFinished(() => lock.release())
    return { dataDir, running, lock, withdraw }
  }
  const setting = () => {
    const home = folderWith({})
    return { home, env: { HOME: home } as NodeJS.ProcessEnv, cwd: folderWith({}) }
  }

  test('finds the only running one, and ignores a killed one', () => {
    const { home, env, cwd } = setting()
    const one = installation(env, join(home, 'one'), 'http://127.0.0.1:1')
    const two = installation(env, join(home, 'two'), 'http://127.0.0.1:2')
    // The state after a kill: the process that held the lock has ended, and the files remain.
    writeFileSync(join(two.dataDir, 'supervisor.pid'), '999999 1\n')
    expect(readRunning(two.dataDir)).toBeUndefined()
    for (const wanted of ['service', 'data'] as const)
      expect(findInstallation({ env, cwd, wanted })).toEqual({ dataDir: one.dataDir, running: one.running })
  })

  test('requires DATA_DIR or a folder if several run', () => {
    const { home, env, cwd } = setting()
    const here = installation(env, join(cwd, '.capstan'), 'http://127.0.0.1:1')
    writeFileSync(join(here.dataDir, 'secret.key'), 'key', { mode: 0o600 })
    const there = installation(env, join(home, 'there'), 'http://127.0.0.1:2')
    const wanted = 'service'
    expect(findInstallation({ env, cwd: home, wanted })).toEqual({
      several: expect.arrayContaining([
        { dataDir: here.dataDir, url: 'http://127.0.0.1:1' },
        { dataDir: there.dataDir, url: 'http://127.0.0.1:2' },
      ]),
    })
    const below = join(cwd, 'app/src')
    mkdirSync(below, { recursive: true })
    expect(findInstallation({ env, cwd: below, wanted })).toMatchObject({ dataDir: here.dataDir })
    const chosen = { ...env, DATA_DIR: there.dataDir }
    expect(findInstallation({ env: chosen, cwd: below, wanted })).toMatchObject({ dataDir: there.dataDir })
    expect(findInstallation({ env: { ...env, DATA_DIR: 'none' }, cwd, wanted })).toEqual({
      missing: join(cwd, 'none'),
    })
  })

  test('treats a DATA_DIR whose files other users can read as no installation', () => {
    const { home, env, cwd } = setting()
    const own = installation(env, join(home, 'own'), 'http://127.0.0.1:1')
    const planted = join(cwd, 'data')
    mkdirSync(planted)
    for (const name of ['running.json', 'postgres.json'])
      writeFileSync(join(planted, name), '{"url":"http://elsewhere.example"}', { mode: 0o644 })
    const place = { env: { ...env, DATA_DIR: planted }, cwd }
    const expected = { dataDir: own.dataDir, running: own.running, ignoredDataDir: planted }
    expect(findInstallation({ ...place, wanted: 'service' })).toEqual(expected)
    own.withdraw()
    expect(findInstallation({ ...place, wanted: 'service' })).toEqual({
      dataDir: planted,
      running: undefined,
    })
  })

  test('keeps to the DATA_DIR of a stopped or starting installation while another one runs', () => {
    const { home, env, cwd } = setting()
    installation(env, join(home, 'other'), 'http://127.0.0.1:1')
    const stopped = join(home, 'stopped')
    mkdirSync(stopped)
    writeFileSync(join(stopped, 'secret.key'), 'key', { mode: 0o600 })
    const starting = join(home, 'starting')
    mkdirSync(starting)
    const lock = lockDataDir(starting)
    onTestFinished(() => lock.release())
    for (const dataDir of [stopped, starting])
      expect(findInstallation({ env: { ...env, DATA_DIR: dataDir }, cwd, wanted: 'service' })).toEqual({
        dataDir,
        running: undefined,
      })
  })

  test('prefers a running service elsewhere to a stopped one in this folder, except for work on the data', () => {
    const { home, env, cwd } = setting()
    const there = installation(env, join(home, 'there'), 'http://127.0.0.1:2')
    const here = join(cwd, '.capstan')
    mkdirSync(here)
    writeFileSync(join(here, 'secret.key'), 'key', { mode: 0o600 })
    expect(findInstallation({ env, cwd, wanted: 'service' })).toMatchObject({ dataDir: there.dataDir })
    expect(findInstallation({ env, cwd, wanted: 'data' })).toEqual({ dataDir: here, running: undefined })
  })

  test.each(['secret.key', 'postgres.json', 'running.json'])(
    'ignores a .capstan from a repository, whose %s other users can read',
    (name) => {
      const { home, env, cwd } = setting()
      const own = installation(env, join(home, 'own'), 'http://127.0.0.1:1')
      const planted = join(cwd, '.capstan')
      mkdirSync(planted)
      // The mode that git checks files out with.
      writeFileSync(join(planted, name), '{"url":"postgres://elsewhere.example/db"}')
      chmodSync(join(planted, name), 0o644)
      for (const wanted of ['service', 'data'] as const)
        expect(findInstallation({ env, cwd, wanted })).toMatchObject({ dataDir: own.dataDir })
    },
  )

  test.each(['running.json', 'supervisor.pid'])('ignores a %s that other users can read', (name) => {
    const { env, cwd } = setting()
    const here = installation(env, join(cwd, '.capstan'), 'http://127.0.0.1:1')
    // The mode that git checks files out with.
    chmodSync(join(here.dataDir, name), 0o644)
    expect(readRunning(here.dataDir)).toBeUndefined()
  })

  test.runIf(process.getuid?.() === 0).each(['.', 'running.json', 'supervisor.pid'])(
    'prefers its own service to one whose %s belongs to another user',
    (name) => {
      const { home, env, cwd } = setting()
      const own = installation(env, join(home, 'own'), 'http://127.0.0.1:1')
      const planted = installation({ HOME: folderWith({}) }, join(cwd, '.capstan'), 'http://127.0.0.1:2')
      chownSync(join(planted.dataDir, name), 65534, 65534)
      expect(findInstallation({ env, cwd, wanted: 'service' })).toMatchObject({ dataDir: own.dataDir })
    },
  )
})
