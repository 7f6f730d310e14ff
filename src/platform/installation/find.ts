import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { EnvFile } from '../config/env-file.ts'
import { holderOf, lockFileOf } from './data-dir-lock.ts'
import { isOwn } from './ownership.ts'
import { runningInstallations } from './registry.ts'
import { type RunningService, readRunning } from './running.ts'

/** The data folder that a command works with, and the service that runs on it. */
export interface Installation {
  dataDir: string
  running: RunningService | undefined
  /** The folder of DATA_DIR, if it holds no installation and the only running one was chosen instead. */
  ignoredDataDir?: string
}

/** The reason why no installation was chosen: none exists, or there are several. */
export type NotFound = { missing: string } | { several: { dataDir: string; url: string }[] }

export interface Place {
  env: NodeJS.ProcessEnv
  cwd: string
  /**
   * `service`: for commands that call a running service; one that runs elsewhere takes precedence over a stopped one
   * here. `data`: for commands that work on the data; the current folder takes precedence.
   */
  wanted: 'service' | 'data'
}

/** The checkout that contains this program. */
export const checkout = fileURLToPath(new URL('../../..', import.meta.url))

/**
 * Chooses an installation: the one of DATA_DIR, else the one of the current folder or a folder above it, else the only
 * one that runs on this machine, else the one of this program's own checkout. Creates no files.
 */
export function findInstallation({ env, cwd, wanted }: Place): Installation | NotFound {
  if (env.DATA_DIR) return named(resolve(cwd, env.DATA_DIR), { env, wanted })
  const local = nearest(cwd)
  if (local !== undefined && (wanted === 'data' || local.running !== undefined)) return local
  const running = runningInstallations(env)
  const [only, ...others] = running
  if (only !== undefined && others.length === 0) return only
  if (only !== undefined)
    return { several: running.map(({ dataDir, running: { url } }) => ({ dataDir, url })) }
  return local ?? existing(join(checkout, '.capstan')) ?? { missing: join(cwd, '.capstan') }
}

/**
 * The installation of DATA_DIR. Other projects use the name, too: for a command that calls a service, a folder without
 * an installation of this user does not hide the only running one. Work on the data never moves to another folder.
 */
function named(dataDir: string, { env, wanted }: Pick<Place, 'env' | 'wanted'>): Installation | NotFound {
  const found = existing(dataDir)
  const isStarting = isOwn(lockFileOf(dataDir), { secret: true }) && holderOf(dataDir) !== undefined
  const isOurs = found?.running !== undefined || holdsInstallation(dataDir) || isStarting
  const [only, ...others] = isOurs || wanted === 'data' ? [] : runningInstallations(env)
  if (only !== undefined && others.length === 0) return { ...only, ignoredDataDir: dataDir }
  const hasFiles = isOurs || installationFiles.some((file) => existsSync(join(dataDir, file)))
  return found !== undefined && hasFiles ? found : { missing: dataDir }
}

function nearest(cwd: string): Installation | undefined {
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    const dataDir = join(folder, '.capstan')
    if (holdsInstallation(dataDir)) return existing(dataDir)
    if (folder === dirname(folder)) return undefined
  }
}

/** An installation has at least one of these files in its DATA_DIR. */
const installationFiles = ['secret.key', 'postgres.json', 'running.json']

/**
 * True for a data folder of this user. A folder `.capstan` above the current one may come from another user or from a
 * repository; a genuine one belongs to this user and has a key or a database's port in a file that only this user can
 * read.
 */
export const holdsInstallation = (folder: string): boolean =>
  isOwn(folder) && installationFiles.some((file) => isOwn(join(folder, file), { secret: true }))

function existing(dataDir: string): Installation | undefined {
  return existsSync(dataDir) ? { dataDir, running: readRunning(dataDir) } : undefined
}

/**
 * The variables that a command may use from a `.env` in the current folder; proxies and Node's variables are excluded.
 */
const commandVariables = ['CAPSTAN_URL', 'CAPSTAN_TOKEN', 'CAPSTAN_PASSWORD', 'CAPSTAN_PULL_PASSWORD']
const proxyVariables = ['HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY', 'ALL_PROXY']

/**
 * Selects the settings that a command uses from a `.env` in the current folder. The folder may be another person's
 * repository, so the file must not decide where this user's credentials are sent: its address, and the token for it, are
 * ignored if the environment has a `CAPSTAN_TOKEN` or `CAPSTAN_PASSWORD`, and its `HOST` always.
 * @param known the names of all settings
 * @returns undefined unless the file belongs to this user and names a service or its data, or the data is next to it
 */
export function chooseSettings(
  { path, settings }: EnvFile,
  options: { env: NodeJS.ProcessEnv; known: readonly string[] },
): EnvFile | undefined {
  const names = Object.keys(settings)
  const namesService = names.some((name) => name === 'DATA_DIR' || /^CAPSTAN_/i.test(name))
  if (!isOwn(path) || !(namesService || holdsInstallation(join(dirname(path), '.capstan')))) return undefined
  const { CAPSTAN_TOKEN: token, CAPSTAN_PASSWORD: password } = options.env
  const addresses = token || password ? ['CAPSTAN_URL', 'PORT'] : []
  // The file's token is for the file's address alone. One of the environment takes its place anyway.
  const tokens = !token && password && settings.CAPSTAN_URL !== undefined ? ['CAPSTAN_TOKEN'] : []
  const excluded = ['HOST', ...proxyVariables, ...addresses, ...tokens]
  const isUsed = (name: string) =>
    (options.known.includes(name) || commandVariables.includes(name)) && !excluded.includes(name)
  return {
    path,
    settings: Object.fromEntries(Object.entries(settings).filter(([name]) => isUsed(name))),
    ignoredNames: names.filter((name) => !isUsed(name)),
  }
}

/**
 * A note for the user if the address of a found `.env` is not used although the shell names no other one.
 * @param env the variables of the shell
 */
export function ignoredAddress(file: EnvFile | undefined, env: NodeJS.ProcessEnv): string | undefined {
  if (env.CAPSTAN_URL || !file?.ignoredNames?.includes('CAPSTAN_URL')) return undefined
  const variable = env.CAPSTAN_TOKEN ? 'CAPSTAN_TOKEN' : 'CAPSTAN_PASSWORD'
  return `note: CAPSTAN_URL of ${file.path} is ignored, because ${variable} is set in the shell; set CAPSTAN_URL there, too, to use that service`
}
