import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isOwn } from './ownership.ts'
import { runningInstallations } from './registry.ts'
import { type RunningService, readRunning } from './running.ts'

/** The folder of data that a command means, and the service that runs on it. */
export interface Installation {
  dataDir: string
  running: RunningService | undefined
}

/** Why no installation was chosen: there is none, or there are several. */
export type NotFound = { missing: string } | { several: { dataDir: string; url: string }[] }

export interface Place {
  env: NodeJS.ProcessEnv
  cwd: string
  /**
   * `service`: for commands that ask a running service, so one that runs elsewhere wins over one that is stopped here.
   * `data`: for commands that work on the data, so what is here wins.
   */
  wanted: 'service' | 'data'
}

/** The checkout that this program is part of. */
export const checkout = fileURLToPath(new URL('../../..', import.meta.url))

/**
 * Chooses an installation: the one of DATA_DIR, else the one of the current folder or a folder above it, else the only
 * one that runs on this machine, else the one of this program's own checkout. Makes nothing.
 */
export function findInstallation({ env, cwd, wanted }: Place): Installation | NotFound {
  if (env.DATA_DIR) return existing(resolve(cwd, env.DATA_DIR)) ?? { missing: resolve(cwd, env.DATA_DIR) }
  const here = nearest(cwd)
  if (here !== undefined && (wanted === 'data' || here.running !== undefined)) return here
  const running = runningInstallations(env)
  const [only, ...others] = running
  if (only !== undefined && others.length === 0) return only
  if (only !== undefined)
    return { several: running.map(({ dataDir, running: { url } }) => ({ dataDir, url })) }
  return here ?? existing(join(checkout, '.capstan')) ?? { missing: join(cwd, '.capstan') }
}

function nearest(cwd: string): Installation | undefined {
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    const dataDir = join(folder, '.capstan')
    if (isDataDir(dataDir)) return existing(dataDir)
    if (folder === dirname(folder)) return undefined
  }
}

/**
 * Any folder called `.capstan` may lie above us, also one that another user made for us to find; ours belongs to this
 * user and holds a key or the port of a database.
 */
const isDataDir = (folder: string) =>
  isOwn(folder) && ['secret.key', 'postgres.json', 'running.json'].some((file) => isOwn(join(folder, file)))

function existing(dataDir: string): Installation | undefined {
  return existsSync(dataDir) ? { dataDir, running: readRunning(dataDir) } : undefined
}

/** Whether a `.env` beside it is one of ours: it says where a service or its data is, or the data is beside it. */
export function belongsToInstallation({ path, settings }: { path: string; settings: object }): boolean {
  const says = Object.keys(settings).some((name) => name === 'DATA_DIR' || name.startsWith('CAPSTAN_'))
  return says || isDataDir(join(dirname(path), '.capstan'))
}
