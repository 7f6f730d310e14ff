import { createHash } from 'node:crypto'
import { chmodSync, chownSync, existsSync, mkdirSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from '../../platform/logging/logging.ts'
import { StartFault } from '../../platform/process/start-fault.ts'
import { type Account, canEnter } from './account.ts'
import type { PostgresSettings } from './settings.ts'

export const clusterDirOf = (home: string) => join(home, 'postgres')

/** True for the names of the server's files and directories in DATA_DIR, including those of failed starts. */
export const isPostgresFile = (name: string): boolean => /^(?:postgres|initdb-|binaries-)/.test(name)

interface Locations {
  dataDir: string
  /** The directory for data that can't be in DATA_DIR when Capstan runs as root. */
  systemDir: string
  log: Pick<Logger, 'warn'>
}

/**
 * The home that an earlier start chose for this DATA_DIR.
 * @returns undefined on a first start
 * @throws StartFault if the password is lost
 */
export function knownHome(locations: Locations, settings: PostgresSettings | undefined): string | undefined {
  if (settings !== undefined) return settings.home ?? locations.dataDir
  if (existsSync(clusterDirOf(locations.dataDir))) {
    throw new StartFault(
      `${clusterDirOf(locations.dataDir)} contains data, but ${locations.dataDir}/postgres.json with its password ` +
        `is missing; restore that file, or move ${locations.dataDir} away to start empty`,
    )
  }
  return undefined
}

/**
 * Chooses and creates the home on a first start: DATA_DIR, unless the server's account can't enter it.
 * @throws StartFault
 */
export function makeHome(locations: Locations, account: Account | undefined): string {
  const { dataDir, systemDir, log } = locations
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  grantTraversal(account, dataDir)
  if (canEnter(account, dataDir)) return dataDir
  const home = join(systemDir, createHash('sha256').update(dataDir).digest('hex').slice(0, 16))
  if (mkdirSync(systemDir, { recursive: true }) !== undefined) chmodSync(systemDir, 0o755)
  mkdirSync(home, { recursive: true, mode: 0o710 })
  grantTraversal(account, home)
  if (!canEnter(account, home))
    throw new StartFault(`the account of PostgreSQL can enter neither ${dataDir} nor ${home}`)
  setAside(home, log)
  return home
}

/** Lets the server's group traverse a directory of this user without listing it. Other files in it stay private. */
function grantTraversal(account: Account | undefined, folder: string): void {
  if (account === undefined || statSync(folder).uid !== process.getuid?.()) return
  chownSync(folder, -1, account.gid)
  chmodSync(folder, 0o710)
}

/** Renames the data of a deleted DATA_DIR: its password and the key of its secrets are lost. */
function setAside(home: string, log: Pick<Logger, 'warn'>): void {
  const existing = clusterDirOf(home)
  if (!existsSync(existing)) return
  const aside = `${existing}.${new Date().toISOString().replace(/[:.]/g, '-')}`
  renameSync(existing, aside)
  log.warn(
    { path: aside },
    'found data of a deleted DATA_DIR and renamed its directory; delete it if it is not needed',
  )
}
