import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runMigrations } from 'bullmq'
import { Client } from 'pg'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/embedded/postgres/index.ts'
import { freePort } from '../../src/embedded/postgres/port.ts'
import { migrateUp } from '../../src/platform/postgres/db.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** A DATA_DIR with a stopped, migrated database, to be copied with `copyInstallation`. */
    preparedInstallation: string
  }
}

/** Starts a server that is lost in a power cut: it lives for one run. */
export function startTemporaryPostgres(
  dataDir: string,
  settings: Record<string, string> = {},
): Promise<EmbeddedPostgres> {
  const log = { info: () => undefined, warn: console.warn, error: console.error }
  const fast = { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off' }
  return startEmbeddedPostgres({ dataDir, log, settings: { ...fast, ...settings } })
}

/**
 * Creates and migrates a database once, because initdb and the migrations cost two seconds of processor time for every
 * installation. @returns its DATA_DIR, which nothing uses any more
 */
export async function prepareInstallation(): Promise<string> {
  const dataDir = mkdtempSync(join(tmpdir(), 'capstan-prepared-'))
  const server = await startTemporaryPostgres(dataDir)
  try {
    await migrateAll(server.url)
  } finally {
    await server.stop()
  }
  return dataDir
}

/** Runs the migrations of Capstan and of the queue library. */
export async function migrateAll(url: string): Promise<void> {
  await migrateUp(url)
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await runMigrations(client)
  } finally {
    await client.end()
  }
}

/** Copies a prepared installation to an existing folder, and gives it a port of its own. */
export async function copyInstallation(prepared: string, dataDir: string): Promise<void> {
  // `cp` keeps the account that owns the data if the tests run as root.
  const { status, stderr } = spawnSync('cp', ['-a', `${prepared}/.`, dataDir], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`the prepared installation could not be copied: ${stderr}`)
  const file = join(dataDir, 'postgres.json')
  const settings: object = JSON.parse(readFileSync(file, 'utf8'))
  writeFileSync(file, JSON.stringify({ ...settings, port: await freePort() }))
}
