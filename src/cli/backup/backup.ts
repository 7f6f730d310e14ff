import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Client } from 'pg'
import { lockDataDir } from '../../platform/installation/data-dir-lock.ts'
import { appliedMigrations } from '../../platform/postgres/db.ts'
import { withOwnServer } from '../api/own-server.ts'
import { UsageFault } from '../faults.ts'
import { pack } from './archive.ts'
import { isKept, type Manifest, manifestFile, tablesFolder } from './manifest.ts'
import { describe, writeTable } from './store.ts'

export interface Backup {
  /** DATA_DIR of the embedded default. */
  dataDir: string
  /** The path of the archive. */
  file: string
  /** The version of this Capstan. */
  version: string
}

/**
 * Packs the rows, keys and files of a stopped service into one archive. Rows are written as text instead of the server's
 * files, so that another major version of PostgreSQL can read them.
 * @throws StartFault if the service runs: its files would change while they are read
 */
export async function backUp({ dataDir, file, version }: Backup): Promise<Manifest> {
  if (existsSync(file)) throw new UsageFault(`${file} exists already`)
  if (!existsSync(dirname(file))) throw new UsageFault(`The folder ${dirname(file)} does not exist`)
  const lock = lockDataDir(dataDir)
  const staging = join(dataDir, 'backup')
  try {
    rmSync(staging, { recursive: true, force: true })
    mkdirSync(join(dataDir, tablesFolder), { recursive: true, mode: 0o700 })
    const made = await withOwnServer(dataDir, (url) => exportDatabase({ url, dataDir, version }))
    writeFileSync(join(dataDir, manifestFile), JSON.stringify(made, null, 2), { mode: 0o600 })
    const others = readdirSync(dataDir).filter((name) => name !== 'backup' && isKept(name))
    await pack(dataDir, [manifestFile, tablesFolder, ...others], file)
    return made
  } finally {
    rmSync(staging, { recursive: true, force: true })
    lock.release()
  }
}

interface Export {
  url: string
  dataDir: string
  version: string
}

async function exportDatabase({ url, dataDir, version }: Export): Promise<Manifest> {
  const client = new Client({ connectionString: url, application_name: 'capstan-backup' })
  await client.connect()
  try {
    await client.query('begin isolation level repeatable read read only')
    const migrations = await appliedMigrations(url)
    if (migrations.length === 0) throw new UsageFault(`The database in ${dataDir} is empty`)
    const contents = await describe(client)
    for (const table of contents.tables) table.rows = await writeTable(client, table, dataDir)
    return { format: 1, version, createdAt: new Date().toISOString(), migrations, ...contents }
  } finally {
    await client.end()
  }
}
