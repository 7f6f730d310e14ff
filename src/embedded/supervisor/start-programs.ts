import { getCompileCacheDir } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { PlatformConfig } from '../../platform/config/index.ts'
import { type DataDirLock, lockDataDir } from '../../platform/installation/data-dir-lock.ts'
import type { Logger } from '../../platform/logging/logging.ts'
import { StartFault } from '../../platform/process/start-fault.ts'
import type { ReadyMessage } from '../../platform/process/supervised.ts'
import { type SupervisedPostgres, superviseEmbeddedPostgres } from '../postgres/index.ts'
import { checkPort } from './free-port.ts'
import type { ChildSpec } from './supervised-child.ts'
import { runToEnd, type Supervisor, superviseChildren } from './supervisor.ts'

export interface Program {
  name: string
  /** The path relative to the project's root. */
  file: string
  args?: string[]
  /** The command line options of Node and V8. */
  flags?: string[]
}

type ProgramsConfig = Pick<PlatformConfig, 'embedded' | 'dataDir' | 'host' | 'port'> & {
  localCloud: { enabled: boolean; port: number }
}

export interface StartPlan {
  config: ProgramsConfig
  log: Logger
  /** The program that must finish, with the database running, before the others start. */
  first: Program
  programs: Program[]
  /** Prefers low memory usage to speed. */
  small?: boolean
  /** The folder of the bundled programs; undefined to run them from their sources. */
  bundle: string | undefined
}

/**
 * Takes the lock, checks the ports, starts PostgreSQL, runs the first program and then starts the others concurrently.
 * `stop` undoes these steps in reverse order, also during the start.
 */
export function startPrograms(plan: StartPlan): Supervisor {
  const { config, log } = plan
  const ending = new AbortController()
  let lock: DataDirLock | undefined
  let postgres: SupervisedPostgres | undefined
  let children: Supervisor | undefined

  async function start(): Promise<Map<string, ReadyMessage>> {
    lock = lockDataDir(config.dataDir)
    await checkPorts(config, lock.takenOver ? 5000 : 0)
    if (config.embedded)
      postgres = await superviseEmbeddedPostgres({
        dataDir: config.dataDir,
        log,
        signal: ending.signal,
        ...(plan.small ? { settings: smallPostgres } : {}),
      })
    ending.signal.throwIfAborted()
    await runToEnd(specOf(plan.first, plan), { log, signal: ending.signal })
    ending.signal.throwIfAborted()
    const specs = plan.programs.map((program) => specOf(program, plan))
    children = superviseChildren(specs, { log })
    return children.ready
  }

  async function stop(): Promise<void> {
    ending.abort()
    // Stopping the children ends a start that waits for them. A start before that checks the signal after each step.
    await children?.stop()
    await ready.catch(() => undefined)
    await postgres?.stop()
    lock?.release()
  }

  const ready = start()
  let stopping: Promise<void> | undefined
  return {
    ready,
    stop() {
      stopping ??= stop()
      return stopping
    },
  }
}

// By default V8's young generation grows to 48 MB per process; the long-lived objects take a third of that.
const smallFlags = ['--max-semi-space-size=1', '--optimize-for-size']
// One malloc arena for all threads: glibc's arenas per thread keep 10 MB of unused memory per process.
const smallEnv = { MALLOC_ARENA_MAX: '1' }
const smallPostgres = { shared_buffers: '16MB', max_connections: '60', work_mem: '2MB' }

function specOf(program: Program, { config, small = false, bundle }: StartPlan): ChildSpec {
  const path =
    bundle === undefined
      ? fileURLToPath(new URL(`../../../${program.file}`, import.meta.url))
      : join(bundle, program.file.replace(/\.ts$/, '.js'))
  const cache = { NODE_COMPILE_CACHE: compileCache(config) }
  // This process's environment already contains the settings of `.env`.
  const env = { ...(small ? smallEnv : {}), ...cache, ...process.env, CAPSTAN_ENV_FILE: '' }
  const flags = [...(program.flags ?? []), ...(small ? smallFlags : [])]
  const command = [process.execPath, ...flags, path, ...(program.args ?? [])]
  return { name: program.name, command, env }
}

/**
 * Where Node keeps compiled code between starts: in the folder that this process uses, so that the first start of an
 * installation finds what earlier ones have compiled, else with the data.
 */
function compileCache({ dataDir }: ProgramsConfig): string {
  const own = getCompileCacheDir()
  return own === undefined ? join(dataDir, 'compile-cache') : dirname(own)
}

async function checkPorts({ host, port, localCloud }: ProgramsConfig, waitMs: number): Promise<void> {
  await checkPort({ host, port, variable: 'PORT', waitMs })
  if (!localCloud.enabled) return
  if (port !== 0 && port === localCloud.port)
    throw new StartFault(`PORT and LOCAL_CLOUD_PORT are both ${port}; set LOCAL_CLOUD_PORT to another port`)
  // The local cloud always listens on loopback, because it runs any code that is uploaded.
  await checkPort({ host: '127.0.0.1', port: localCloud.port, variable: 'LOCAL_CLOUD_PORT', waitMs })
}
