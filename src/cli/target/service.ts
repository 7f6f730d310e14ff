import { readEmbeddedPostgres } from '../../embedded/postgres/settings.ts'
import { listenAddress } from '../../platform/config/index.ts'
import { localUrl, type RunningService } from '../../platform/installation/index.ts'
import { UsageFault } from '../faults.ts'
import { lookForInstallation, type Note, neverStarted, notRunning } from './installation.ts'

/** The service on this machine that a command calls. */
export interface LocalService {
  /** Without a trailing slash. */
  url: string
  /** The folder of its token; undefined for a service with an external database. */
  embedded: { dataDir: string; databaseUrl: string | undefined } | undefined
}

type FoundLocalCloud = { dataDir: string } & NonNullable<RunningService['localCloud']>

/** True if the variables describe a service with an external database, of Capstan or of any other project. */
const describesProduction = (env: NodeJS.ProcessEnv): boolean =>
  Boolean(env.DATABASE_URL) || env.ENVIRONMENT === 'production'

/**
 * Finds the running service. DATABASE_URL and ENVIRONMENT may belong to another project, so they count only when no
 * service of `npm start` runs: then they describe one whose processes were started one by one.
 * @throws UsageFault where there is no installation or a choice among several, Unreachable for one that is stopped
 */
export function findService(env: NodeJS.ProcessEnv, note?: Note): LocalService {
  const found = lookForInstallation(env, 'service', note)
  if ('dataDir' in found && found.running !== undefined) {
    const { dataDir, running } = found
    const embedded = running.embedded
      ? { dataDir, databaseUrl: readEmbeddedPostgres(dataDir)?.url }
      : undefined
    return { url: running.url, embedded }
  }
  const isStopped = 'dataDir' in found && readEmbeddedPostgres(found.dataDir) !== undefined
  if (describesProduction(env) && !isStopped)
    return { url: localUrl(listenAddress(env)), embedded: undefined }
  throw 'missing' in found ? neverStarted(env, found.missing) : notRunning(found.dataDir)
}

/**
 * The local cloud of the running service.
 * @param describe reads the variables of a local cloud whose service's processes were started one by one
 * @throws as `findService`, and UsageFault when that service runs none
 */
export function findLocalCloud(
  env: NodeJS.ProcessEnv,
  describe: (env: NodeJS.ProcessEnv) => FoundLocalCloud,
  note?: Note,
): FoundLocalCloud {
  const found = lookForInstallation(env, 'service', note)
  const running = 'dataDir' in found ? found.running : undefined
  if (running === undefined && describesProduction(env) && env.CLOUDFLARE_TARGET === 'local')
    return describe(env)
  if ('missing' in found) throw neverStarted(env, found.missing)
  const { dataDir } = found
  if (running === undefined) throw notRunning(dataDir)
  if (running.localCloud !== undefined) return { dataDir, ...running.localCloud }
  throw new UsageFault(
    `The service at ${running.url} runs no local cloud: CLOUDFLARE_TARGET=local in its settings starts one`,
  )
}
