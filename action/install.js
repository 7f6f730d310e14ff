import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { quoted } from './runner.js'

/**
 * Installs what the command needs beside this file, unless it is there: the runner gets the repository only. No script of
 * a package runs.
 * @param write writes to the log of the job, as npm does
 * @returns the exit code of npm
 */
export async function install(folder, env, write) {
  if (existsSync(join(folder, 'node_modules', 'commander'))) return 0
  const words = ['ci', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  const endQuotes = quoted(write)
  try {
    const npm = spawn('npm', words, { cwd: folder, env, stdio: ['ignore', 'inherit', 'inherit'] })
    const [code] = await once(npm, 'exit')
    return code ?? 1
  } finally {
    endQuotes()
  }
}
