// Plain JavaScript, like check-node.js. The bundle of the programs of `npm start` (decision record 74).
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))
export const bundles = join(root, 'node_modules/.cache/capstan-programs')

/**
 * The folder of the bundled programs.
 * @returns undefined if there is none of exactly these sources and packages, or if somebody else could have written it
 */
export function bundledPrograms() {
  const folder = currentBundle()
  return folder !== undefined && isOurs(bundles) && isOurs(folder) ? folder : undefined
}

/**
 * Changes with every source and package, and with the paths, which a bundle contains.
 * @returns undefined if the packages are not known: only npm lists what it has installed
 */
export function currentBundle() {
  const hash = createHash('sha256').update(root)
  try {
    for (const file of ['package.json', 'node_modules/.package-lock.json', ...sources()]) {
      hash.update(`\0${file}\0`).update(readFileSync(join(root, file)))
    }
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
  return join(bundles, hash.digest('hex').slice(0, 32))
}

/** True for a folder that only its owner can change, and whose owner is this user or root: its files are executed. */
function isOurs(folder) {
  const found = statSync(folder, { throwIfNoEntry: false })
  if (found === undefined) return false
  if (process.getuid === undefined) return true
  return (found.uid === process.getuid() || found.uid === 0) && (found.mode & 0o022) === 0
}

/** All files of the programs, and those that say how they are bundled. */
function sources() {
  return ['bin', 'src', 'workers'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(root, join(entry.parentPath, entry.name)))
      .sort(),
  )
}
