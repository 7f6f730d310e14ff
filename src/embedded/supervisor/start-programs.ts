import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { PlatformConfig } from '../../platform/config/index.ts'
import { type DataDirLock, lockDataDir } from '../../platform/installation/data-dir-lock.ts'
import type { Logger } from '../../platform/logging/logging.ts'
import { StartFault } from '../../platform/process/start-fault.ts'
import type { ReadyMessage } from '../../platform/process/supervised.ts'
import { type KeptPostgres, keepEmbeddedPostgres } from '../postgres/index.ts'
import { checkPort } from './free-port.ts'
import type { ChildSpec } from './supervised-child.ts'
import { runToEnd, type Supervisor, superviseChildren } from './supervisor.ts'

export interface Program {
  name: string
  /** From the project's root. */
  file: string
  args?: string[]
  /** Options of V8 and Node. */
  flags?: string[]
}

type ProgramsConfig = Pick<PlatformConfig, 'embedded' | 'dataDir' | 'host' | 'port'> & {
  localCloud: { enabled: boolean; port: number }
}

export interface StartPlan {
  config: ProgramsConfig
  log: Logger
  /** Runs to its end, on a database that serves, before the others start. */
  first: Program
  programs: Program[]
  /** With little memory instead of the most speed. */
  small?: boolean
}

/** Lock, ports, PostgreSQL, migrations, then all programs at once; `stop` undoes it in reverse, at any moment. */
export function startPrograms(plan: StartPlan): Supervisor {
  const { config, log } = plan
  const ending = new AbortController()
  let lock: DataDirLock | undefined
  let postgres: KeptPostgres | undefined
  let children: Supervisor | undefined

  async function start(): Promise<Map<string, ReadyMessage>> {
    lock = lockDataDir(config.dataDir)
    await checkPorts(config, lock.takenOver ? 5000 : 0)
    if (config.embedded)
      postgres = await keepEmbeddedPostgres({
        dataDir: config.dataDir,
        log,
        signal: ending.signal,
        ...(plan.small ? { settings: smallPostgres } : {}),
      })
    ending.signal.throwIfAborted()
    await runToEnd(specOf(plan.first, config), { log, signal: ending.signal })
    ending.signal.throwIfAborted()
    const specs = plan.programs.map((program) => specOf(program, config, plan.small))
    children = superviseChildren(specs, { log })
    return children.ready
  }

  async function stop(): Promise<void> {
    ending.abort()
    // A start that waits for its children ends with them; an earlier one sees the signal after its current step.
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

// V8 lets the young generation grow to 48 MB a process; what lives long is a third of that.
const smallFlags = ['--max-semi-space-size=1', '--optimize-for-size']
// One heap for all threads: glibc's own for each of them hold ten megabytes a process that nobody uses.
const smallEnv = { MALLOC_ARENA_MAX: '1' }
const smallPostgres = { shared_buffers: '16MB', max_connections: '60', work_mem: '2MB' }

function specOf(program: Program, config: ProgramsConfig, small = false): ChildSpec {
  const path = fileURLToPath(new URL(`../../../${program.file}`, import.meta.url))
  // Compiled code is kept from start to start.
  const cache = { NODE_COMPILE_CACHE: join(config.dataDir, 'compile-cache') }
  // Our own environment has the settings of `.env` by now.
  const env = { ...(small ? smallEnv : {}), ...cache, ...process.env, CAPSTAN_ENV_FILE: '' }
  const flags = [...(program.flags ?? []), ...(small ? smallFlags : [])]
  const command = [process.execPath, ...flags, path, ...(program.args ?? [])]
  return { name: program.name, command, env }
}

async function checkPorts({ host, port, localCloud }: ProgramsConfig, patienceMs: number): Promise<void> {
  await checkPort({ host, port, variable: 'PORT', patienceMs })
  if (!localCloud.enabled) return
  if (port !== 0 && port === localCloud.port)
    throw new StartFault(`PORT and LOCAL_CLOUD_PORT are both ${port}; set LOCAL_CLOUD_PORT to another`)
  // The local cloud is always on loopback: it runs what it is given.
  await checkPort({ host: '127.0.0.1', port: localCloud.port, variable: 'LOCAL_CLOUD_PORT', patienceMs })
}
