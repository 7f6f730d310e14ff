import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbeddedPostgres } from '../../../src/embedded/postgres/index.ts'
import { startRunFolder } from '../../helpers/run-folder.ts'

// A run of the tests as far as processes go: a folder, and a PostgreSQL in it.
const log = { info: () => undefined, warn: () => undefined, error: () => undefined }
const end = startRunFolder()
const dataDir = mkdtempSync(join(tmpdir(), 'postgres-'))
const server = await startEmbeddedPostgres({ dataDir, log, settings: { fsync: 'off' } })
process.once('message', async () => {
  await server.stop()
  await end()
  process.exit()
})
process.send?.({ folder: tmpdir(), pid: server.pid })
