import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync } from 'node:fs'
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
  const folder = mkdtempSync(join(tmpdir(), 'capstan-run-'))
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
