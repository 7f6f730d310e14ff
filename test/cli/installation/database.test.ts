import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { withDatabase } from '../../../src/cli/database.ts'
import { loadConfig } from '../../../src/config.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../../src/embedded/postgres/index.ts'
import { lockDataDir } from '../../../src/platform/installation/data-dir-lock.ts'
import { createDb } from '../../../src/platform/postgres/db.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'capstan-cli-database-'))
const env = { DATA_DIR: dataDir }
const stderr = { write: () => undefined }
const log = { info: () => undefined, warn: console.warn, error: console.error }
const start = () => startEmbeddedPostgres({ dataDir, log, settings: { fsync: 'off' } })
let serving: EmbeddedPostgres

beforeAll(async () => {
  serving = await start()
})
afterAll(async () => {
  await serving.stop()
  rmSync(dataDir, { recursive: true, force: true })
})

const serverOf = async (given: typeof env) => {
  let started = ''
  await withDatabase({ env: given, loadConfig, stderr }, async ({ db, secrets }) => {
    expect(secrets.open(secrets.seal('x', 'y'), 'y')).toBe('x')
    const { rows } = await db.raw('select pg_postmaster_start_time()::text as started')
    started = rows[0].started
  })
  return started
}

test('a command uses the database server of a running service, and starts one for a stopped service', async () => {
  const lock = lockDataDir(dataDir)
  const db = createDb({ url: serving.url, name: 'test', max: 1 })
  const { rows } = await db.raw('select pg_postmaster_start_time()::text as started')
  expect(await serverOf(env)).toBe(rows[0].started)
  await db.destroy()
  await serving.stop()
  lock.release()

  expect(await serverOf(env)).not.toBe(rows[0].started)
  // A failing command stops the server, too.
  const failing = withDatabase({ env, loadConfig, stderr }, () => Promise.reject(new Error('on purpose')))
  await expect(failing).rejects.toThrow('on purpose')
  expect(existsSync(join(dataDir, 'postgres', 'postmaster.pid'))).toBe(false)
  lockDataDir(dataDir).release()
})

test('an unreachable database is named without its user and password', async () => {
  const away = {
    DATABASE_URL: 'postgresql://owner:of-somebody@127.0.0.1:1/x',
    XDG_STATE_HOME: dataDir,
    SECRET_KEY: 'abcdefghijklmnopqrstuvwxyz0123456789',
  }
  const error = await withDatabase({ env: away, loadConfig, stderr }, async () => undefined).catch(
    (thrown) => thrown,
  )
  expect(error).toMatchObject({
    name: 'Unreachable',
    message: expect.stringMatching(/^The database x on 127\.0\.0\.1:1 can't be reached$/m),
  })
  expect(error.message).not.toMatch(/owner|of-somebody/)
})
