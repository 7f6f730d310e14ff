import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAdmin } from '../src/accounts/users/administration.ts'
import { startEmbeddedPostgres } from '../src/embedded/postgres/index.ts'
import { createDb, migrateUp } from '../src/platform/postgres/db.ts'

/** A PostgreSQL of the bench's own, with one administrator whose token no limit stops. */
export async function startDatabase() {
  const dataDir = mkdtempSync(join(tmpdir(), 'capstan-bench-'))
  const log = { info: () => undefined, warn: console.warn, error: console.error }
  const postgres = await startEmbeddedPostgres({ dataDir, log })
  await migrateUp(postgres.url)
  const db = createDb({ url: postgres.url, name: 'bench', max: 1 })
  const account = { username: 'bench', email: 'bench@localhost', password: 'correct horse battery' }
  const made = await createAdmin(db, { ...account, rateLimit: { perSecond: 10_000, burst: 100_000 } })
  await db.destroy()
  if (made.outcome !== 'created') throw new Error(made.reason)
  return {
    dataDir,
    token: made.token,
    env: {
      DATABASE_URL: postgres.url,
      DATA_DIR: dataDir,
      CLOUDFLARE_TARGET: 'local',
      SECRET_KEY: 'a-secret-key-of-the-bench-0123456789',
    },
    async stop() {
      await postgres.stop()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}
