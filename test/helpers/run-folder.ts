import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const sweeper = fileURLToPath(new URL('run-sweeper.ts', import.meta.url))

/**
 * Makes one folder the temporary folder of this process and of all that it starts from here on. When this process ends
 * without the returned call (a signal, a crash), what is still running with files there is ended, and the folder is
 * removed: by a program of its own, since a killed process can clean up nothing.
 * @returns ends the run in the ordinary way and removes the folder.
 */
export function startRunFolder(): () => Promise<void> {
  const folder = mkdtempSync(join(memoryFolder() ?? tmpdir(), 'capstan-run-'))
  // The account of an embedded PostgreSQL passes through it.
  chmodSync(folder, 0o711)
  const child = spawn(process.execPath, [sweeper, folder], {
    // A session of its own: Ctrl-C in a terminal is for the run only.
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const exited = once(child, 'exit')
  // What outlives a run: compiled code.
  process.env.TEST_CACHE_DIR ??= tmpdir()
  process.env.TMPDIR = folder
  // A developer's .env decides no test.
  process.env.CAPSTAN_ENV_FILE = ''
  // Where services of this run are found by the command line, apart from the user's own.
  process.env.XDG_STATE_HOME = join(folder, 'state')
  return async () => {
    child.send('ended')
    await exited
  }
}

const memoryFs = '/dev/shm'
const enoughBytes = 4 * 1024 ** 3

/**
 * A file system in memory, where programs may be started: hundreds of databases are made and removed in a run, each of
 * several hundred files, which costs ext4 most of a second of processor time each. Undefined where there is none, or a small
 * one, as in a container with the default of 64 MB.
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
