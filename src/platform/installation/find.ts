import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { EnvFile } from '../config/env-file.ts'
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
 * Any folder called `.capstan` may lie above us, also one that another user or a repository has put there for us to find;
 * ours belongs to this user and holds a key or the port of a database that nobody else can read.
 */
const isDataDir = (folder: string) =>
  isOwn(folder) &&
  ['secret.key', 'postgres.json', 'running.json'].some((file) => isOwn(join(folder, file), { secret: true }))

function existing(dataDir: string): Installation | undefined {
  return existsSync(dataDir) ? { dataDir, running: readRunning(dataDir) } : undefined
}

/** Settings that a command may take from a `.env` in the current folder; proxies and Node's own variables are not among them. */
const ofCommands = ['CAPSTAN_URL', 'CAPSTAN_TOKEN', 'CAPSTAN_PASSWORD', 'CAPSTAN_PULL_PASSWORD']
const proxies = ['HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY', 'ALL_PROXY']

/**
 * What a command takes from a `.env` in the current folder. The folder may be a repository of somebody else's, so the
 * file must not decide where this user's credentials are sent: its address does not count beside a `CAPSTAN_TOKEN` of
 * the environment, and its `HOST` never does.
 * @param known the names of all settings
 * @returns undefined unless the file is this user's and names a service or its data, or the data is beside it
 */
export function chooseSettings(
  { path, settings }: EnvFile,
  options: { env: NodeJS.ProcessEnv; known: readonly string[] },
): EnvFile | undefined {
  const names = Object.keys(settings)
  const says = names.some((name) => name === 'DATA_DIR' || /^CAPSTAN_/i.test(name))
  if (!isOwn(path) || !(says || isDataDir(join(dirname(path), '.capstan')))) return undefined
  const excluded = ['HOST', ...proxies, ...(options.env.CAPSTAN_TOKEN ? ['CAPSTAN_URL', 'PORT'] : [])]
  const isTaken = (name: string) =>
    (options.known.includes(name) || ofCommands.includes(name)) && !excluded.includes(name)
  return {
    path,
    settings: Object.fromEntries(Object.entries(settings).filter(([name]) => isTaken(name))),
    others: names.filter((name) => !isTaken(name)),
  }
}
