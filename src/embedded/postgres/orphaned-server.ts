import { spawnSync } from 'node:child_process'
import { readFileSync, realpathSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from '../../platform/logging/logging.ts'
import { StartFault } from '../../platform/process/start-fault.ts'
import { errorCode } from '../../platform/thrown.ts'
import { clusterDirOf } from './home.ts'
import { readSettings } from './settings.ts'

/**
 * Stops a server that is still running after its supervisor was killed, and deletes a pid file whose pid now belongs to
 * another program. (PostgreSQL would refuse to start then; containers often reuse the same few pids.) The caller holds the
 * lock of this DATA_DIR, so the server does not belong to a running supervisor.
 * @throws StartFault if the server does not stop
 */
export async function stopOrphanedServer(clusterDir: string, log: Pick<Logger, 'info'>): Promise<void> {
  const pidFile = join(clusterDir, 'postmaster.pid')
  const pid = pidIn(pidFile)
  if (pid === undefined) return
  const isRunning = () => isServerOf(clusterDir, pid)
  if (!isRunning()) {
    rmSync(pidFile, { force: true })
    return
  }
  log.info({ path: clusterDir }, 'stopping the PostgreSQL server of an earlier start')
  for (const { signal, waitMs } of [
    { signal: 'SIGINT', waitMs: 10_000 },
    { signal: 'SIGQUIT', waitMs: 10_000 },
  ] as const) {
    if (isRunning()) process.kill(pid, signal)
    const deadline = Date.now() + waitMs
    while (isRunning() && Date.now() < deadline) await delay(20)
    if (!isRunning()) return
  }
  throw new StartFault(
    `the PostgreSQL server of an earlier start (pid ${pid}) does not stop; stop it and start Capstan again`,
  )
}

function pidIn(file: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(file, 'utf8'), 10)
    return pid > 1 ? pid : undefined
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/**
 * True if the process is the server of the cluster. On Linux its working directory decides, which is correct even for a
 * DATA_DIR that was moved, or its command line, because containers may hide the working directory. Linux uses /proc, as
 * minimal systems have no `ps`.
 */
function isServerOf(clusterDir: string, pid: number): boolean {
  if (process.platform !== 'linux') {
    const { stdout } = spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' })
    return stdout?.includes(` -D ${clusterDir} `) ?? false
  }
  if (
    undefinedOnError(() => realpathSync(`/proc/${pid}/cwd`)) ===
    undefinedOnError(() => realpathSync(clusterDir))
  )
    return true
  const command = undefinedOnError(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8')) ?? ''
  return command.split('\0').includes(clusterDir)
}

function undefinedOnError(read: () => string): string | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

/** Deletes the data of DATA_DIR's server, wherever it is. A server that is still running is stopped first. */
export async function removeCluster(dataDir: string, log: Pick<Logger, 'info'>): Promise<void> {
  const clusterDir = clusterDirOf(readSettings(dataDir)?.home ?? dataDir)
  await stopOrphanedServer(clusterDir, log)
  rmSync(clusterDir, { recursive: true, force: true })
}
