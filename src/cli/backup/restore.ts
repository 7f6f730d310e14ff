import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Client } from 'pg'
import { removeCluster } from '../../embedded/postgres/index.ts'
import { halfRestored, lockDataDir } from '../../platform/installation/data-dir-lock.ts'
import { knownMigrations, migrateUp } from '../../platform/postgres/db.ts'
import { withOwnServer } from '../api/own-server.ts'
import { UsageFault } from '../faults.ts'
import { readManifest, unpack } from './archive.ts'
import type { Manifest } from './manifest.ts'
import { load } from './store.ts'

/**
 * Makes a folder for the embedded default of what a backup holds. While that is not done no service starts there, and a
 * restore that was interrupted is begun again from nothing.
 * @throws UsageFault when the folder holds anything else, StartFault for an archive that can't be used.
 */
export async function restore(dataDir: string, file: string): Promise<Manifest> {
  const saved = await readManifest(file)
  const known = knownMigrations()
  if (saved.migrations.some((name, at) => known[at] !== name))
    throw new UsageFault(
      `The backup is of Capstan ${saved.version} and has tables that this version does not know: restore it with that or a newer one`,
    )
  const lock = lockDataDir(dataDir, { restoring: true })
  try {
    await empty(dataDir)
    halfRestored.mark(dataDir)
    await unpack(file, dataDir)
    await withOwnServer(dataDir, (url) => fill(url, saved, dataDir))
    rmSync(join(dataDir, 'backup'), { recursive: true })
    halfRestored.clear(dataDir)
    return saved
  } finally {
    lock.release()
  }
}

/** Of the remains of an interrupted restore; anything else stays, and is refused. */
async function empty(dataDir: string): Promise<void> {
  const found = readdirSync(dataDir).filter((name) => !name.startsWith('supervisor.pid'))
  if (found.length === 0) return
  if (!halfRestored.is(dataDir))
    throw new UsageFault(`${dataDir} is not empty: set DATA_DIR to a new folder, or move this one away`)
  await removeCluster(dataDir, { info: () => undefined })
  for (const name of found)
    if (name !== halfRestored.file)
      rmSync(join(dataDir, name), { recursive: true, force: true, maxRetries: 10 })
}

/** The tables as the backup's migrations made them, then its rows, then what has been migrated since. */
async function fill(url: string, saved: Manifest, dataDir: string): Promise<void> {
  await migrateUp(url, saved.migrations.at(-1))
  const client = new Client({ connectionString: url, application_name: 'capstan-restore' })
  await client.connect()
  try {
    await client.query('begin')
    await load(client, saved, dataDir)
    await client.query('commit')
    await client.query('analyze')
    await migrateUp(url)
    // What the original has in a Redis is not ours: it may go on running beside this copy.
    await client.query('update installation set id = gen_random_uuid()')
  } finally {
    await client.end()
  }
}
