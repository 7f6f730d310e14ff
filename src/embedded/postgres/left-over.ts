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
 * Stops a server that outlived a killed supervisor, and clears away a pid file whose number meanwhile belongs to
 * another program (PostgreSQL itself would refuse to start then; in containers the same few numbers come again).
 * The caller holds the lock of this DATA_DIR, so no live supervisor owns what is found here.
 */
export async function stopLeftOver(clusterDir: string, log: Pick<Logger, 'info'>): Promise<void> {
  const pidFile = join(clusterDir, 'postmaster.pid')
  const pid = pidIn(pidFile)
  if (pid === undefined) return
  const ours = () => isServerOf(clusterDir, pid)
  if (!ours()) {
    rmSync(pidFile, { force: true })
    return
  }
  log.info({ path: clusterDir }, 'stopping the PostgreSQL of an earlier start')
  for (const { signal, waitMs } of [
    { signal: 'SIGINT', waitMs: 10_000 },
    { signal: 'SIGQUIT', waitMs: 10_000 },
  ] as const) {
    if (ours()) process.kill(pid, signal)
    const deadline = Date.now() + waitMs
    while (ours() && Date.now() < deadline) await delay(20)
    if (!ours()) return
  }
  throw new StartFault(`PostgreSQL of an earlier start (pid ${pid}) does not stop; stop it and start again`)
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
 * By its working directory, which follows a DATA_DIR that was moved but may be hidden from us in containers, or by
 * its command line. Minimal systems have no `ps`, so /proc comes first.
 */
function isServerOf(clusterDir: string, pid: number): boolean {
  if (process.platform !== 'linux') {
    const { stdout } = spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' })
    return stdout?.includes(` -D ${clusterDir} `) ?? false
  }
  if (tried(() => realpathSync(`/proc/${pid}/cwd`)) === tried(() => realpathSync(clusterDir))) return true
  const command = tried(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8')) ?? ''
  return command.split('\0').includes(clusterDir)
}

function tried(read: () => string): string | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

/** Removes the data of DATA_DIR's server, wherever it is, after ending one that a killed start has left running. */
export async function removeCluster(dataDir: string, log: Pick<Logger, 'info'>): Promise<void> {
  const clusterDir = clusterDirOf(readSettings(dataDir)?.home ?? dataDir)
  await stopLeftOver(clusterDir, log)
  rmSync(clusterDir, { recursive: true, force: true })
}
