import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { readEmbeddedPostgres } from '../../embedded/postgres/settings.ts'
import type { PlatformConfig } from '../../platform/config/index.ts'
import { ConfigError } from '../../platform/errors.ts'
import { findInstallation, type Installation } from '../../platform/installation/index.ts'
import { UsageFault } from '../faults.ts'
import { lookForInstallation, neverStarted } from './installation.ts'

/** The data that a command works on. */
export interface DataTarget<Config extends PlatformConfig> {
  config: Config
  /** The database that DATABASE_URL names, without user and password; undefined for that of an installation. */
  database: string | undefined
  /** What to do when DATABASE_URL belongs to another project. */
  advice: string | undefined
}

/** Parses the settings of all domains. @throws ConfigError */
export type LoadConfig<Config> = (env: NodeJS.ProcessEnv) => Config

/** Settings that decide how a command works on the data. The others may belong to other projects: they are not read. */
const relevant =
  /^(DATA_DIR|DATABASE_URL|DATABASE_DIRECT_URL|SECRET_KEY|SECRET_KEY_PREVIOUS|ADMIN_RATE_LIMIT_\w+|ORCHESTRATOR_RPC_PORT)$/

const isPostgres = (url: string | undefined) => url !== undefined && /^postgres(ql)?(\+asyncpg)?:/.test(url)

/**
 * Finds the data for `admin` and `nodes`: the database of DATABASE_URL, else that of an installation, running or stopped.
 * A DATABASE_URL of another kind of database belongs to another project, and so does ENVIRONMENT without one.
 * @param options `note` tells the user which database is used
 * @throws UsageFault where there is neither; ConfigError for faulty settings, which names the database
 */
export function findData<Config extends PlatformConfig>(
  env: NodeJS.ProcessEnv,
  { loadConfig, note }: { loadConfig: LoadConfig<Config>; note: (line: string) => void },
): DataTarget<Config> {
  const settings = Object.fromEntries(
    Object.entries(env).filter(([name, value]) => relevant.test(name) && value),
  )
  const found = findInstallation({ env, cwd: process.cwd(), wanted: 'data' })
  if (isPostgres(env.DATABASE_URL) || (env.DATABASE_URL && !('dataDir' in found))) {
    const database = databaseOf(env.DATABASE_URL)
    const advice =
      'dataDir' in found
        ? `To work on the installation in ${found.dataDir} instead, unset DATABASE_URL`
        : undefined
    note(`Database: ${database} (from DATABASE_URL)`)
    return { config: configOf(settings, { loadConfig, advice }), database, advice }
  }
  const installation = lookForInstallation(env, 'data')
  if ('missing' in installation) throw neverStarted(env, installation.missing)
  const config = loadConfig(embeddedSettings(settings, installation))
  return { config, database: undefined, advice: undefined }
}

/**
 * Finds the folder of data for `backup`. DATABASE_URL and ENVIRONMENT do not count where the folder holds a database.
 * @returns undefined where the data is in a database of its operator
 * @throws UsageFault where there is no installation
 */
export function findEmbeddedDataDir(env: NodeJS.ProcessEnv): string | undefined {
  const found = lookForInstallation(env, 'data')
  if ('missing' in found) {
    if (env.DATABASE_URL || env.ENVIRONMENT === 'production') return undefined
    throw neverStarted(env, found.missing)
  }
  return isEmbedded(found) ? found.dataDir : undefined
}

const isEmbedded = ({ dataDir, running }: Installation) =>
  running === undefined ? readEmbeddedPostgres(dataDir) !== undefined : running.embedded

function embeddedSettings(settings: NodeJS.ProcessEnv, found: Installation): NodeJS.ProcessEnv {
  const { dataDir } = found
  if (!isEmbedded(found) && found.running !== undefined)
    throw new UsageFault(
      `The service of ${dataDir} uses a database of its own: set DATABASE_URL and SECRET_KEY as it has them`,
    )
  const { DATABASE_URL: _url, DATABASE_DIRECT_URL: _direct, SECRET_KEY, ...others } = settings
  // The name is common: where the installation keeps a key of its own, another one is that of another project.
  const ownKey = existsSync(join(dataDir, 'secret.key'))
  return { ...others, ...(SECRET_KEY && !ownKey ? { SECRET_KEY } : {}), DATA_DIR: dataDir }
}

function configOf<Config>(
  settings: NodeJS.ProcessEnv,
  { loadConfig, advice }: { loadConfig: LoadConfig<Config>; advice: string | undefined },
): Config {
  try {
    return loadConfig(settings)
  } catch (error) {
    if (!(error instanceof ConfigError) || advice === undefined) throw error
    throw new ConfigError([...error.faults, advice])
  }
}

/** Name, host and port of a database; a URL that can't be parsed is not repeated, for it may hold a password. */
function databaseOf(url = ''): string {
  const plainUrl = url.replace('+asyncpg', '')
  if (!URL.canParse(plainUrl)) return 'an unreadable URL'
  const { host, pathname, searchParams } = new URL(plainUrl)
  const where = host || searchParams.get('host') || 'localhost'
  return `${decodeURIComponent(pathname.slice(1)) || 'the default one'} on ${where}`
}
