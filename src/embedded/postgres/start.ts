import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from '../../platform/logging/logging.ts'
import { StartFault } from '../../platform/process/start-fault.ts'
import { errorMessage } from '../../platform/thrown.ts'
import { serverAccount } from './account.ts'
import { usableBinaries } from './binaries.ts'
import { ensureCluster } from './cluster.ts'
import { clusterDirOf, knownHome, makeHome } from './home.ts'
import { stopLeftOver } from './left-over.ts'
import { freePort, isFree } from './port.ts'
import { untilReady } from './ready.ts'
import { type Server, type ServerOptions, serverLog, spawnServer } from './server.ts'
import { type PostgresSettings, readSettings, urlOf, writeSettings } from './settings.ts'

export interface EmbeddedPostgresOptions {
  /** Absolute. Its holder must be alone on it: see `lockDataDir`. */
  dataDir: string
  log: Pick<Logger, 'info' | 'warn' | 'error'>
  /** Server settings over the defaults, e.g. `{fsync: 'off'}` in tests. */
  settings?: Record<string, string>
  /** True for a restart under running clients: a port that somebody took meanwhile is then waited for. */
  keepPort?: boolean
  /** Where root's data goes when the server's account can't go to DATA_DIR. */
  systemDir?: string
  /** Ends a start that is under way: what it has started is stopped, and it rejects with the signal's reason. */
  signal?: AbortSignal
}

export interface EmbeddedPostgres {
  url: string
  pid: number | undefined
  /** Called once when the server ends without `stop`. */
  onExit(callback: (reason: string) => void): void
  stop(): Promise<void>
}

/**
 * Starts PostgreSQL on DATA_DIR, making the cluster and the database `capstan` on first use.
 * @throws StartFault when it can't start, with the reason and the last lines of its log.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { dataDir, log, systemDir = '/var/lib/capstan', signal } = options
  const place = { dataDir, systemDir, log }
  const kept = readSettings(dataDir)
  const known = knownHome(place, kept)
  const account = serverAccount(clusterDirOf(known ?? dataDir))
  const home = known ?? makeHome(place, account)
  if (known !== undefined) await stopLeftOver(clusterDirOf(home), log)
  const settings = await settle({ dataDir, home, keepPort: options.keepPort ?? false }, kept)
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
  log.info({ port: settings.port }, 'PostgreSQL serves')
  return face(server, urlOf(settings))
}

/** Decides port and password, and keeps them before anything is made with them. */
async function settle(
  where: { dataDir: string; home: string; keepPort: boolean },
  kept: PostgresSettings | undefined,
): Promise<PostgresSettings> {
  if (kept !== undefined && (where.keepPort || (await isFree(kept.port)))) return kept
  const password = kept?.password ?? randomBytes(24).toString('base64url')
  const elsewhere = where.home === where.dataDir ? {} : { home: where.home }
  const settings = { port: await freePort(), password, ...elsewhere }
  writeSettings(where.dataDir, settings)
  return settings
}

/** Passing: processes of a killed server hold its shared memory for a moment; a port may be taken for a moment. */
const passing = /shared memory block|Address already in use/

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
      // Recovery after a power cut may take its time.
      if (await untilReady(settings, server, { timeoutMs: 120_000, signal })) return server
    } catch (error) {
      await server.stop()
      signal?.throwIfAborted()
      throw new StartFault(`${errorMessage(error)}\n${serverLog(options.home)}`)
    }
    const { reason } = await server.exited
    const said = serverLog(options.home)
    if (!passing.test(said) || Date.now() > deadline)
      throw new StartFault(`PostgreSQL could not start (${reason}):\n${said}`)
    await delay(200)
  }
}

function face(server: Server, url: string): EmbeddedPostgres {
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
