import { existsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { holderOf } from '../../platform/installation/data-dir-lock.ts'
import {
  checkout,
  findInstallation,
  type Installation,
  type Place,
} from '../../platform/installation/index.ts'
import { Unreachable } from '../api/unreachable.ts'
import { UsageFault } from '../faults.ts'

const otherwise = 'run npm start in its checkout, set DATA_DIR, or set CAPSTAN_URL and CAPSTAN_TOKEN'

/** Receives a line for the user. */
export type Note = (line: string) => void

/**
 * Chooses the installation that a command works on; `findInstallation` describes the order.
 * @returns the installation, or the folder where the last candidate was missing
 * @param note tells the user that DATA_DIR was ignored
 * @throws UsageFault when several services run and nothing says which one is meant
 */
export function lookForInstallation(
  env: NodeJS.ProcessEnv,
  wanted: Place['wanted'],
  note: Note = () => undefined,
): Installation | { missing: string } {
  const found = findInstallation({ env, cwd: process.cwd(), wanted })
  if ('dataDir' in found && found.ignoredDataDir !== undefined)
    note(
      `note: DATA_DIR=${found.ignoredDataDir} holds no installation of Capstan; this is the one in ${found.dataDir}`,
    )
  if (!('several' in found)) return found
  throw new UsageFault(
    [
      'Several installations of Capstan run on this machine. Choose one of them:',
      ...found.several.map(({ dataDir, url }) => `  DATA_DIR=${dataDir}  # ${url}`),
    ].join('\n'),
  )
}

/** The error for a machine on which no installation was ever started, or for a DATA_DIR without one. */
export const neverStarted = (env: NodeJS.ProcessEnv, missing: string) =>
  new UsageFault(
    env.DATA_DIR
      ? `DATA_DIR=${missing} holds no installation of Capstan: correct or unset it, start one there with npm start, or set CAPSTAN_URL and CAPSTAN_TOKEN`
      : `Capstan was never started here (there is no ${missing}): ${otherwise}`,
  )

/** The error for an installation that is stopped, or whose start has not finished yet. */
export function notRunning(dataDir: string): Unreachable {
  const message =
    holderOf(dataDir) === undefined
      ? `The installation in ${dataDir} is not running; start it with: ${startCommand(dataDir)}`
      : `The installation in ${dataDir} is starting and does not serve yet; try again in a moment`
  return new Unreachable(`${message}\nTo use another service, set CAPSTAN_URL and CAPSTAN_TOKEN`)
}

/** The shell command that starts the installation of this folder, from any folder. */
function startCommand(dataDir: string): string {
  const parent = dirname(dataDir)
  const isOfCheckout = basename(dataDir) === '.capstan' && existsSync(join(parent, 'bin/start.js'))
  return isOfCheckout
    ? `cd ${quoted(parent)} && npm start`
    : `cd ${quoted(checkout.replace(/\/$/, ''))} && DATA_DIR=${quoted(dataDir)} npm start`
}

const quoted = (path: string) => (/^[\w./@:+-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`)
