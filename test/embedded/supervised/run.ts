import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbeddedPostgres } from '../../../src/embedded/postgres/index.ts'
import { startRunFolder } from '../../helpers/run-folder.ts'

// Imitates a test run: creates its temporary directory and starts a PostgreSQL server in it.
const log = { info: () => undefined, warn: () => undefined, error: () => undefined }
const end = startRunFolder()
const dataDir = mkdtempSync(join(tmpdir(), 'postgres-'))
const server = await startEmbeddedPostgres({ dataDir, log, settings: { fsync: 'off' } })
process.once('message', async (message) => {
  const inOrder = message === 'end'
  if (inOrder) await server.stop()
  await end(inOrder)
  process.exit()
})
process.send?.({ folder: tmpdir(), pid: server.pid })
