import type { Knex } from 'knex'
import { type Config, requireDatabaseUrl } from '../platform/config/index.ts'
import { type DataDirLock, lockDataDir } from '../platform/installation/data-dir-lock.ts'
import { createDb, whileDatabaseIsAway } from '../platform/postgres/db.ts'
import { isDatabaseUnavailable } from '../platform/postgres/index.ts'
import { StartFault } from '../platform/process/start-fault.ts'
import { createSecrets, type Secrets } from '../platform/secrets.ts'
import { Unreachable } from './api/client.ts'
import { withOwnServer } from './api/own-server.ts'
import { commandConfig } from './config.ts'

export interface CommandDatabase {
  db: Knex
  secrets: Secrets
  config: Config
}

/**
 * Runs work on the database, whether the service runs or not: the embedded PostgreSQL is started for as long as the
 * work takes when nobody else has started it.
 */
export async function withDatabase(
  env: NodeJS.ProcessEnv,
  work: (database: CommandDatabase) => Promise<void>,
): Promise<void> {
  const config = commandConfig(env)
  // Fails before anything is started where no first start has made a database.
  const url = requireDatabaseUrl(config)
  const lock = config.embedded ? lockUnlessRunning(config.dataDir) : undefined
  if (lock === undefined) return onDatabase(config, url, work)
  try {
    await withOwnServer(config.dataDir, (own) => onDatabase(config, own, work))
  } finally {
    lock.release()
  }
}

/** Undefined when the service runs here: its PostgreSQL serves, or is about to. */
function lockUnlessRunning(dataDir: string): DataDirLock | undefined {
  try {
    return lockDataDir(dataDir)
  } catch (error) {
    if (error instanceof StartFault) return undefined
    throw error
  }
}

async function onDatabase(
  config: Config,
  url: string,
  work: (database: CommandDatabase) => Promise<void>,
): Promise<void> {
  const db = createDb({ url, name: 'command', max: 2 })
  try {
    await reach(db, config.embedded)
    await work({ db, config, secrets: createSecrets(config.secretKey, config.previousSecretKeys) })
  } finally {
    await db.destroy()
  }
}

/** An embedded service that is just starting, or restarting its PostgreSQL, answers in a moment: that is waited for. */
async function reach(db: Knex, embedded: boolean): Promise<void> {
  const ask = async () => void (await db.raw('select 1'))
  try {
    await (embedded ? whileDatabaseIsAway(ask) : ask())
  } catch (error) {
    if (!isDatabaseUnavailable(error)) throw error
    throw new Unreachable("The database can't be reached", { cause: error })
  }
}
