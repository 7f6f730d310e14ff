import type { Knex } from 'knex'
import { type PlatformConfig, requireDatabaseUrl } from '../platform/config/index.ts'
import { type DataDirLock, lockDataDir } from '../platform/installation/data-dir-lock.ts'
import { createDb, retryWhileDatabaseUnavailable } from '../platform/postgres/db.ts'
import { isDatabaseUnavailable } from '../platform/postgres/index.ts'
import { StartFault } from '../platform/process/start-fault.ts'
import { createSecrets, type Secrets } from '../platform/secrets.ts'
import { withOwnServer } from './api/own-server.ts'
import { Unreachable } from './api/unreachable.ts'
import { UsageFault } from './faults.ts'
import { plain } from './output.ts'
import { type DataTarget, findData, type LoadConfig } from './target/data.ts'

export interface CommandDatabase<Config> {
  db: Knex
  secrets: Secrets
  config: Config
}

interface Surroundings<Config> {
  env: NodeJS.ProcessEnv
  loadConfig: LoadConfig<Config>
  stderr: { write(text: string): unknown }
}

/**
 * Runs work on the database, whether the service runs or not: the embedded PostgreSQL is started for as long as the
 * work takes, unless it runs already.
 * @param surroundings `stderr` receives the name of a database that DATABASE_URL chose
 * @throws UsageFault where there is no database of Capstan, Unreachable where it does not answer
 */
export async function withDatabase<Config extends PlatformConfig>(
  { env, loadConfig, stderr }: Surroundings<Config>,
  work: (database: CommandDatabase<Config>) => Promise<void>,
): Promise<void> {
  const note = (line: string) => void stderr.write(`${plain(line)}\n`)
  const target = findData(env, { loadConfig, note })
  const { config } = target
  // Fails before anything is started if there is no database yet.
  const url = requireDatabaseUrl(config)
  const lock = config.embedded ? lockUnlessRunning(config.dataDir) : undefined
  if (lock === undefined) return onDatabase(target, url, work)
  try {
    await withOwnServer(config.dataDir, (own) => onDatabase(target, own, work))
  } finally {
    lock.release()
  }
}

/** Locks DATA_DIR; undefined if the service runs: then its PostgreSQL runs, or is starting. */
function lockUnlessRunning(dataDir: string): DataDirLock | undefined {
  try {
    return lockDataDir(dataDir)
  } catch (error) {
    if (error instanceof StartFault) return undefined
    throw error
  }
}

async function onDatabase<Config extends PlatformConfig>(
  target: DataTarget<Config>,
  url: string,
  work: (database: CommandDatabase<Config>) => Promise<void>,
): Promise<void> {
  const { config } = target
  const db = createDb({ url, name: 'command', max: 2 })
  try {
    await reach(db, target)
    await work({ db, config, secrets: createSecrets(config.secretKey, config.previousSecretKeys) })
  } finally {
    await db.destroy()
  }
}

/**
 * Waits for the database of an embedded service that is starting, or restarting its PostgreSQL. The database of
 * DATABASE_URL may belong to another project, where nothing must be written.
 */
async function reach(db: Knex, { config, database, advice }: DataTarget<PlatformConfig>): Promise<void> {
  const findTables = async () => {
    const { rows } = await db.raw(`select to_regclass('schema_migrations_lock') is not null as found`)
    return rows[0].found === true
  }
  const withAdvice = (message: string) => [message, ...(advice === undefined ? [] : [advice])].join('\n')
  try {
    const found = await (config.embedded ? retryWhileDatabaseUnavailable(findTables) : findTables())
    if (!found && database !== undefined)
      throw new UsageFault(withAdvice(`The database ${database} has no tables of Capstan`))
  } catch (error) {
    if (!isDatabaseUnavailable(error)) throw error
    const which = database === undefined ? 'The database' : `The database ${database}`
    throw new Unreachable(withAdvice(`${which} can't be reached`), { cause: error })
  }
}
