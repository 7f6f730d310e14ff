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
 * Restores a backup into a folder for the embedded default. Until that is complete no service starts there, and an
 * interrupted restore starts again from the beginning.
 * @throws UsageFault if the folder holds anything else, StartFault for an unusable archive
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

/** Removes the remains of an interrupted restore; anything else stays and is refused. */
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

/** Creates the tables with the backup's migrations, inserts its rows, then runs the newer migrations. */
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
    // The data in Redis belongs to the original, which may keep running beside this copy.
    await client.query('update installation set id = gen_random_uuid()')
  } finally {
    await client.end()
  }
}
