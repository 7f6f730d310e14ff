import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { Client } from 'pg'
import { beforeEach, expect, inject, onTestFinished, test } from 'vitest'
import {
  type EmbeddedPostgresOptions,
  readEmbeddedPostgres,
  startEmbeddedPostgres,
  superviseEmbeddedPostgres,
} from '../../src/embedded/postgres/index.ts'
import { copyInstallation } from '../helpers/prepared-installation.ts'
import { leftOf } from '../helpers/stack-processes.ts'
import { until } from '../helpers/until.ts'

const log = { info: () => undefined, warn: () => undefined, error: () => undefined }
const isRoot = process.getuid?.() === 0
let root: string
let dataDir: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'capstan-test-embedded-'))
  // Registered first, so that it runs last, when everything that the test started has stopped.
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  chmodSync(root, 0o755)
  dataDir = join(root, 'data')
})

async function start(overrides: Partial<EmbeddedPostgresOptions> = {}) {
  const systemDir = join(root, 'system')
  const server = await startEmbeddedPostgres({
    dataDir,
    log,
    systemDir,
    settings: { fsync: 'off' },
    ...overrides,
  })
  onTestFinished(() => server.stop())
  return server
}

/** A data folder whose cluster exists, since initdb takes a second of processor time. */
async function prepare() {
  mkdirSync(dataDir)
  await copyInstallation(inject('preparedInstallation'), dataDir)
}

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

const pidOf = (folder = dataDir) =>
  Number.parseInt(readFileSync(join(folder, 'postgres/postmaster.pid'), 'utf8'), 10)

function isAlive(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')
  } catch {
    return false
  }
}

test('the first start creates a cluster, and later starts serve the same data under the same URL', async () => {
  expect(readEmbeddedPostgres(dataDir)).toBeUndefined()
  const first = await start()
  await query(first.url, 'create table kept as select 42 as answer')
  expect(readEmbeddedPostgres(dataDir)).toEqual({ url: first.url })
  expect(statSync(join(dataDir, 'postgres.json')).mode & 0o777).toBe(0o600)
  const [row] = await query(
    first.url,
    `select current_user as who, current_setting('data_checksums') as checksums, current_setting('jit') as jit,
       current_setting('server_encoding') as encoding, current_setting('listen_addresses') as addresses`,
  )
  expect(row).toEqual({
    who: 'capstan',
    checksums: 'on',
    jit: 'off',
    encoding: 'UTF8',
    addresses: '127.0.0.1',
  })
  await first.stop()

  const second = await start()
  expect(second.url).toBe(first.url)
  expect(await query(second.url, 'select answer from kept')).toEqual([{ answer: 42 }])
})

test('a wrong password is rejected', async () => {
  await prepare()
  const { url } = await start()
  const wrong = new URL(url)
  wrong.password = 'wrong'
  await expect(query(wrong.href, 'select 1')).rejects.toMatchObject({ code: '28P01' })
})

test('a free port is chosen if another program uses the stored one', async () => {
  await prepare()
  const first = await start()
  const port = Number(new URL(first.url).port)
  await first.stop()
  const squatter = createServer().listen({ host: '127.0.0.1', port })
  onTestFinished(() => void squatter.close())
  await once(squatter, 'listening')
  const second = await start()
  expect(second.url).not.toBe(first.url)
  expect(readEmbeddedPostgres(dataDir)).toEqual({ url: second.url })
})

test('the server is restarted under the same URL after kill -9', async () => {
  await prepare()
  const server = await superviseEmbeddedPostgres({ dataDir, log, settings: { fsync: 'off' } })
  onTestFinished(() => server.stop())
  const killed = pidOf()
  process.kill(killed, 'SIGKILL')
  await until(async () => pidOf() !== killed && (await query(server.url, 'select 1')))
  await server.stop()
  expect(existsSync(join(dataDir, 'postgres/postmaster.pid'))).toBe(false)
})

test('a start stops the server of a killed supervisor and takes over', async () => {
  await prepare()
  const code = `
    const { startEmbeddedPostgres } = await import('./src/embedded/postgres/index.ts')
    const log = { info() {}, warn() {}, error() {} }
    await startEmbeddedPostgres({ dataDir: process.argv[1], log, settings: { fsync: 'off' } })
    process.kill(process.pid, 'SIGKILL')`
  const [, signal] = await once(spawn(process.execPath, ['--input-type=module', '-e', code, dataDir]), 'exit')
  expect(signal).toBe('SIGKILL')
  const leftOver = pidOf()
  expect(isAlive(leftOver)).toBe(true)
  const server = await start()
  expect(isAlive(leftOver)).toBe(false)
  expect(await query(server.url, 'select 1 as one')).toEqual([{ one: 1 }])
})

test('a start ignores a pid file whose pid now belongs to another program', async () => {
  await prepare()
  const stranger = spawn('sleep', ['60'])
  onTestFinished(() => void stranger.kill())
  writeFileSync(join(dataDir, 'postgres/postmaster.pid'), `${stranger.pid}\n${dataDir}/postgres\n`)
  await start()
  expect(isAlive(stranger.pid ?? 0)).toBe(true)
})

test('a start repeats an initdb that was killed', async () => {
  mkdirSync(join(dataDir, 'initdb-killed/data/base'), { recursive: true })
  writeFileSync(join(dataDir, 'initdb-killed/data/PG_VERSION'), '18\n')
  await start()
  expect(readdirSync(dataDir).filter((name) => name.startsWith('initdb-'))).toEqual([])
})

test.each([0, 300, 1500])('a start that is aborted after %i ms leaves nothing behind', async (ms) => {
  const ending = new AbortController()
  const starting = start({ signal: ending.signal })
  await Promise.race([starting.catch(() => undefined), setTimeout(ms)])
  ending.abort()
  // On a fast machine the server is ready before the last of these delays.
  await starting.then(
    (server) => server.stop(),
    () => undefined,
  )
  expect(leftOf(dataDir)).toEqual([])
  expect(readdirSync(dataDir).filter((name) => name.startsWith('initdb-'))).toEqual([])
  expect(await query((await start()).url, 'select 1 as one')).toEqual([{ one: 1 }])
})

test('a start works after DATA_DIR was moved', async () => {
  await prepare()
  await (await start()).stop()
  const moved = join(root, 'moved')
  renameSync(dataDir, moved)
  const server = await start({ dataDir: moved })
  expect(readEmbeddedPostgres(moved)).toEqual({ url: server.url })
})

test('the error for data of another major version describes the upgrade', async () => {
  await prepare()
  writeFileSync(join(dataDir, 'postgres/PG_VERSION'), '17\n')
  await expect(start()).rejects.toThrow(
    /data of PostgreSQL 17.*capstan backup.*capstan restore.*move DATA_DIR away/,
  )
})

test('the error of a failed start contains the last lines of the log', async () => {
  await prepare()
  await expect(start({ settings: { fsync: 'off', shared_buffers: 'plenty' } })).rejects.toThrow(
    /could not start \(code 1\)[\s\S]*invalid value for parameter "shared_buffers"/,
  )
})

test('a start with data whose password is lost fails instead of starting empty', async () => {
  await prepare()
  rmSync(join(dataDir, 'postgres.json'))
  await expect(start()).rejects.toThrow('postgres.json with its password is missing')
})

test.runIf(isRoot)(
  'for root with a DATA_DIR that other users can not enter, data and binaries are stored elsewhere',
  async () => {
    const closed = join(root, 'closed')
    mkdirSync(closed, { mode: 0o700 })
    const first = await start({ dataDir: join(closed, 'data') })
    const [home = ''] = readdirSync(join(root, 'system')).map((name) => join(root, 'system', name))
    expect(JSON.parse(readFileSync(join(closed, 'data/postgres.json'), 'utf8'))).toMatchObject({ home })
    expect(statSync(join(home, 'postgres')).uid).not.toBe(0)
    await query(first.url, 'create table kept as select 42 as answer')
    await first.stop()
    const second = await start({ dataDir: join(closed, 'data') })
    expect(await query(second.url, 'select answer from kept')).toEqual([{ answer: 42 }])
    await second.stop()

    rmSync(join(closed, 'data'), { recursive: true })
    const fresh = await start({ dataDir: join(closed, 'data') })
    expect(await query(fresh.url, `select to_regclass('kept') as kept`)).toEqual([{ kept: null }])
    expect(readdirSync(home).filter((name) => name.startsWith('postgres.2'))).toHaveLength(1)
  },
)
