import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from '../../platform/logging/logging.ts'
import { StartFault } from '../../platform/process/start-fault.ts'
import { errorMessage } from '../../platform/thrown.ts'
import { serverAccount } from './account.ts'
import { usableBinaries } from './binaries.ts'
import { ensureCluster } from './cluster.ts'
import { clusterDirOf, knownHome, makeHome } from './home.ts'
import { stopOrphanedServer } from './orphaned-server.ts'
import { freePort, isFree } from './port.ts'
import { untilReady } from './ready.ts'
import { type Server, type ServerOptions, serverLog, spawnServer } from './server.ts'
import { type PostgresSettings, readSettings, urlOf, writeSettings } from './settings.ts'

export interface EmbeddedPostgresOptions {
  /** The absolute path of DATA_DIR. The caller must hold its lock, see `lockDataDir`. */
  dataDir: string
  log: Pick<Logger, 'info' | 'warn' | 'error'>
  /** Server settings that override the defaults, e.g. `{fsync: 'off'}` in tests. */
  settings?: Record<string, string>
  /** True for a restart with connected clients: the start waits for a port in use instead of choosing another. */
  keepPort?: boolean
  /** The directory for the data when Capstan runs as root and the server's account can't enter DATA_DIR. */
  systemDir?: string
  /** Aborts a start in progress: it stops what it has started and rejects with the signal's reason. */
  signal?: AbortSignal
}

export interface EmbeddedPostgres {
  url: string
  pid: number | undefined
  /** Registers a callback for an exit of the server without `stop`. */
  onExit(callback: (reason: string) => void): void
  stop(): Promise<void>
}

/**
 * Starts PostgreSQL on DATA_DIR, and creates the cluster and the database `capstan` on first use.
 * @throws StartFault with the reason and the last lines of the server's log
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { dataDir, log, systemDir = '/var/lib/capstan', signal } = options
  const locations = { dataDir, systemDir, log }
  const stored = readSettings(dataDir)
  const existingHome = knownHome(locations, stored)
  const account = serverAccount(clusterDirOf(existingHome ?? dataDir))
  const home = existingHome ?? makeHome(locations, account)
  if (existingHome !== undefined) await stopOrphanedServer(clusterDirOf(home), log)
  const settings = await ensureSettings({ dataDir, home, keepPort: options.keepPort ?? false }, stored)
  const binaries = usableBinaries(home, account)
  const sync = options.settings?.fsync !== 'off'
  signal?.throwIfAborted()
  const { password } = settings
  const clusterDir = await ensureCluster({ home, password, binaries, account, sync, signal })
  const spawned = {
    home,
    clusterDir,
    binaries,
    account,
    settings: options.settings ?? {},
    port: settings.port,
  }
  const server = await serve(spawned, settings, signal)
  log.info({ port: settings.port }, 'PostgreSQL is ready')
  return toEmbeddedPostgres(server, urlOf(settings))
}

/** Chooses the port and the password, and stores them before they are used. */
async function ensureSettings(
  options: { dataDir: string; home: string; keepPort: boolean },
  stored: PostgresSettings | undefined,
): Promise<PostgresSettings> {
  if (stored !== undefined && (options.keepPort || (await isFree(stored.port)))) return stored
  const password = stored?.password ?? randomBytes(24).toString('base64url')
  const otherHome = options.home === options.dataDir ? {} : { home: options.home }
  const settings = { port: await freePort(), password, ...otherHome }
  writeSettings(options.dataDir, settings)
  return settings
}

/**
 * Errors that disappear soon: child processes of a killed server still use its shared memory, or the port is in use.
 */
const transientErrors = /shared memory block|Address already in use/

async function serve(
  options: ServerOptions,
  settings: PostgresSettings,
  signal: AbortSignal | undefined,
): Promise<Server> {
  const deadline = Date.now() + 20_000
  for (;;) {
    signal?.throwIfAborted()
    const server = spawnServer(options)
    try {
      // The timeout is long, because recovery after a power cut may take minutes.
      if (await untilReady(settings, server, { timeoutMs: 120_000, signal })) return server
    } catch (error) {
      await server.stop()
      signal?.throwIfAborted()
      throw new StartFault(`${errorMessage(error)}\n${serverLog(options.home)}`)
    }
    const { reason } = await server.exited
    const output = serverLog(options.home)
    if (!transientErrors.test(output) || Date.now() > deadline)
      throw new StartFault(`PostgreSQL could not start (${reason}):\n${output}`)
    await delay(200)
  }
}

function toEmbeddedPostgres(server: Server, url: string): EmbeddedPostgres {
  let stopping = false
  return {
    url,
    pid: server.pid,
    onExit(callback) {
      void server.exited.then(({ reason }) => {
        if (!stopping) callback(reason)
      })
    },
    async stop() {
      stopping = true
      await server.stop()
    },
  }
}
