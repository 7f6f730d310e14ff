import { createHash } from 'node:crypto'
import { chmodSync, chownSync, existsSync, mkdirSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from '../../platform/logging/logging.ts'
import { StartFault } from '../../platform/process/start-fault.ts'
import { type Account, canEnter } from './account.ts'
import type { PostgresSettings } from './settings.ts'

export const clusterDirOf = (home: string) => join(home, 'postgres')

/** True for the server's files and folders in DATA_DIR, also those of an earlier or a broken start. */
export const isServersOwn = (name: string): boolean => /^(?:postgres|initdb-|binaries-)/.test(name)

interface Place {
  dataDir: string
  /** Parent of the homes of those who run as root. */
  systemDir: string
  log: Pick<Logger, 'warn'>
}

/** Where an earlier start put the data of this DATA_DIR, or would have put it; undefined for a first start. */
export function knownHome(place: Place, settings: PostgresSettings | undefined): string | undefined {
  if (settings !== undefined) return settings.home ?? place.dataDir
  if (existsSync(clusterDirOf(place.dataDir))) {
    throw new StartFault(
      `${clusterDirOf(place.dataDir)} holds data, but ${place.dataDir}/postgres.json with its password is gone; ` +
        `restore that file, or move ${place.dataDir} away to start empty`,
    )
  }
  return undefined
}

/** Chooses and makes the home of a first start: DATA_DIR itself, unless the server's account can't go there. */
export function makeHome(place: Place, account: Account | undefined): string {
  const { dataDir, systemDir, log } = place
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  openTo(account, dataDir)
  if (canEnter(account, dataDir)) return dataDir
  const home = join(systemDir, createHash('sha256').update(dataDir).digest('hex').slice(0, 16))
  if (mkdirSync(systemDir, { recursive: true }) !== undefined) chmodSync(systemDir, 0o755)
  mkdirSync(home, { recursive: true, mode: 0o710 })
  openTo(account, home)
  if (!canEnter(account, home))
    throw new StartFault(`the account of PostgreSQL can go neither to ${dataDir} nor to ${home}`)
  setAside(home, log)
  return home
}

/** Lets the server's group pass through a folder of ours without reading it; its other files stay ours. */
function openTo(account: Account | undefined, folder: string): void {
  if (account === undefined || statSync(folder).uid !== process.getuid?.()) return
  chownSync(folder, -1, account.gid)
  chmodSync(folder, 0o710)
}

/** DATA_DIR was deleted to start anew: its data elsewhere has lost its password and the key of its secrets. */
function setAside(home: string, log: Pick<Logger, 'warn'>): void {
  const left = clusterDirOf(home)
  if (!existsSync(left)) return
  const aside = `${left}.${new Date().toISOString().replace(/[:.]/g, '-')}`
  renameSync(left, aside)
  log.warn(
    { path: aside },
    'data of a deleted DATA_DIR was found and set aside; delete it if it is not needed',
  )
}
