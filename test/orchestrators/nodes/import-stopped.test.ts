import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, expect, it } from 'vitest'
import { withDatabase } from '../../../src/cli/database.ts'
import { loadConfig } from '../../../src/config.ts'
import { startEmbeddedPostgres } from '../../../src/embedded/postgres/index.ts'
import { migrateUp } from '../../../src/platform/postgres/db.ts'

const capstan = fileURLToPath(new URL('../../../bin/capstan.js', import.meta.url))
const dataDir = mkdtempSync(join(tmpdir(), 'capstan-import-'))
afterAll(() => rmSync(dataDir, { recursive: true, force: true }))

/** As in a shell, on a machine where nothing of ours runs. */
async function importNodes(...args: string[]) {
  const env = { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', DATA_DIR: dataDir }
  const { stdout } = await promisify(execFile)(process.execPath, [capstan, 'nodes', 'import', ...args], {
    env,
  })
  return stdout.trim().split('\n')
}

it('nodes are imported while the service is stopped', {
  timeout: 120_000,
}, async () => {
  const log = { info: () => undefined, warn: console.warn, error: console.error }
  const started = await startEmbeddedPostgres({ dataDir, log, settings: { fsync: 'off' } })
  await migrateUp(started.url)
  await started.stop()

  const file = join(dataDir, 'nodes.json')
  writeFileSync(
    file,
    JSON.stringify({ '192.0.2.1': { name: 'A', pubkey: 'a2V5' }, '192.0.2.2': { name: 'B' } }),
  )
  expect(await importNodes('--json', file)).toEqual([
    'created    A',
    'created    B',
    '2 created, 0 updated, 0 unchanged, 0 rejected',
  ])
  const mapping = join(dataDir, 'mapping.py')
  writeFileSync(mapping, `PILLAR_MAPPING = {"192.0.2.1": {"name": "A"}, "192.0.2.3": {"name": "B"}}\n`)
  expect(await importNodes('--mapping-file', mapping)).toEqual([
    'updated    B (ip_address)',
    'unchanged  A',
    '0 created, 1 updated, 1 unchanged, 0 rejected',
  ])
  await withDatabase({ env: { DATA_DIR: dataDir }, loadConfig, stderr: process.stderr }, async ({ db }) => {
    expect(await db('orchestrator_nodes').orderBy('name').select('name', 'ip_address', 'pubkey')).toEqual([
      { name: 'A', ip_address: '192.0.2.1', pubkey: 'a2V5' },
      { name: 'B', ip_address: '192.0.2.3', pubkey: null },
    ])
  })
})
