import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { leftOf } from './stack-processes.ts'
import { until } from './until.ts'

const sweeper = fileURLToPath(new URL('run-sweeper.ts', import.meta.url))

/** Node's compiled code of the processes that tests start, kept between runs. */
export const compileCache = join(process.env.TEST_CACHE_DIR ?? tmpdir(), 'capstan-test-compile-cache')

/**
 * Creates a temporary folder for this process and its children. If this process ends without calling the returned
 * function (a signal, a crash), a separate program ends the processes that use the folder, and removes it.
 * @returns ends the run and removes the folder; with `inOrder` false, also ends the processes that use it
 */
export function startRunFolder(): (inOrder: boolean) => Promise<void> {
  const folder = mkdtempSync(join(memoryFolder() ?? tmpdir(), 'capstan-run-'))
  // The account of an embedded PostgreSQL needs access to subfolders.
  chmodSync(folder, 0o711)
  const child = spawn(process.execPath, [sweeper, folder], {
    // A separate session, so that Ctrl-C in a terminal ends only the run.
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const exited = once(child, 'exit')
  // Compiled code is kept between runs.
  process.env.TEST_CACHE_DIR ??= tmpdir()
  process.env.XDG_CACHE_HOME = join(process.env.TEST_CACHE_DIR, 'capstan-test-cache')
  process.env.TMPDIR = folder
  // Tests must not depend on a developer's .env.
  process.env.CAPSTAN_ENV_FILE = ''
  // Each Worker's configuration would contain these certificates; with a system's 140, a start takes three times as long.
  delete process.env.NODE_EXTRA_CA_CERTS
  // The command line finds this run's services here, separate from the user's own.
  process.env.XDG_STATE_HOME = join(folder, 'state')
  return async (inOrder) => {
    if (inOrder) await endOrphans(folder)
    // A sweeper that has ended before has nobody left to tell.
    if (child.connected) {
      if (inOrder) child.send('ended')
      else child.disconnect()
    }
    await exited
  }
}

/**
 * Kills the processes that tests have left behind, and names them. One that has inherited the output of a worker would
 * keep the runner waiting for the end of that output for ever.
 */
async function endOrphans(folder: string): Promise<void> {
  // Direct children are the runner's own: its workers, and the sweeper.
  const orphans = () => leftOf(folder).filter(({ ppid }) => ppid !== process.pid)
  await until(() => orphans().length === 0, { timeoutMs: 3000 }).catch(() => undefined)
  for (const { pid, command } of orphans()) {
    console.error(`A test has left a process behind: ${pid} ${command.replaceAll('\0', ' ')}`)
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // The process has exited by now.
    }
  }
}

const memoryFs = '/dev/shm'
const enoughBytes = 4 * 1024 ** 3

/**
 * A file system in memory on which programs can be executed. A run creates and removes hundreds of databases with
 * several hundred files each, and on ext4 each takes almost a second of CPU time. Undefined if there is none or it is
 * too small, as in a container with the default of 64 MB.
 */
function memoryFolder(): string | undefined {
  if (process.platform !== 'linux') return undefined
  try {
    const { bavail, bsize } = statfsSync(memoryFs)
    if (bavail * bsize < enoughBytes) return undefined
    const probe = mkdtempSync(join(memoryFs, 'capstan-probe-'))
    try {
      const program = join(probe, 'program')
      writeFileSync(program, '#!/bin/sh\n', { mode: 0o755 })
      return spawnSync(program).status === 0 ? memoryFs : undefined
    } finally {
      rmSync(probe, { recursive: true })
    }
  } catch {
    return undefined
  }
}
