import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { type RunningService, readRunning } from './running.ts'

/** A service that runs on this machine, with its data folder. */
export interface RunningInstallation {
  dataDir: string
  running: RunningService
}

/** The user's folder with one file per running installation, which contains the path of its DATA_DIR. */
function folderOf(env: NodeJS.ProcessEnv): string {
  const state = env.XDG_STATE_HOME
  const base = state && isAbsolute(state) ? state : join(env.HOME || homedir(), '.local', 'state')
  return join(base, 'capstan', 'running')
}

const nameOf = (dataDir: string) => createHash('sha256').update(dataDir).digest('hex').slice(0, 32)

/**
 * Registers a service, so that commands in other folders find it. @throws if the user's state folder is not writable
 */
export function registerRunning(env: NodeJS.ProcessEnv, dataDir: string): void {
  const folder = folderOf(env)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  for (const entry of entriesOf(folder)) {
    // A service that was killed has left the entry.
    if (readRunning(entry.dataDir) === undefined) rmSync(entry.file, { force: true })
  }
  writeFileSync(join(folder, nameOf(dataDir)), `${dataDir}\n`, { mode: 0o600 })
}

export function unregisterRunning(env: NodeJS.ProcessEnv, dataDir: string): void {
  rmSync(join(folderOf(env), nameOf(dataDir)), { force: true })
}

/** @returns the running installations, sorted by path; entries of killed services are ignored */
export function runningInstallations(env: NodeJS.ProcessEnv): RunningInstallation[] {
  return entriesOf(folderOf(env))
    .flatMap(({ dataDir }) => {
      const running = readRunning(dataDir)
      return running === undefined ? [] : [{ dataDir, running }]
    })
    .toSorted((a, b) => a.dataDir.localeCompare(b.dataDir))
}

function entriesOf(folder: string): { file: string; dataDir: string }[] {
  let names: string[]
  try {
    names = readdirSync(folder)
  } catch {
    return []
  }
  return names.flatMap((name) => {
    const file = join(folder, name)
    try {
      const dataDir = readFileSync(file, 'utf8').trim()
      return isAbsolute(dataDir) ? [{ file, dataDir }] : []
    } catch {
      return []
    }
  })
}
