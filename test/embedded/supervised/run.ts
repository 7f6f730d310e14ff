import { spawn } from 'node:child_process'
import { once } from 'node:events'
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
  const inOrder = message !== 'give up'
  if (inOrder) await server.stop()
  // A process whose parent has ended belongs to nobody.
  if (message === 'leave an orphan')
    await once(spawn('sh', ['-c', 'sleep 1000 &'], { stdio: 'ignore' }), 'exit')
  await end(inOrder)
  process.exit()
})
process.send?.({ folder: tmpdir(), pid: server.pid })
