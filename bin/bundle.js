// Plain JavaScript, like check-node.js. The bundle of the programs of `npm start` (decision record 74).
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))
export const bundles = join(root, 'node_modules/.cache/capstan-programs')

/** The folder of the bundled programs. @returns undefined if there is none of exactly these sources and packages */
export function bundledPrograms() {
  const folder = currentBundle()
  return existsSync(folder) ? folder : undefined
}

/** Changes with every source and package, and with the paths, which a bundle contains. */
export function currentBundle() {
  const hash = createHash('sha256').update(root)
  for (const file of [...packageLists(), ...sources()]) {
    hash.update(`\0${file}\0`).update(readFileSync(join(root, file)))
  }
  return join(bundles, hash.digest('hex').slice(0, 32))
}

/** What npm has installed; other package managers write no such list. */
const packageLists = () =>
  ['package.json', 'node_modules/.package-lock.json'].filter((file) => existsSync(join(root, file)))

/** All files of the programs, and those that say how they are bundled. */
function sources() {
  return ['bin', 'src', 'workers'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(root, join(entry.parentPath, entry.name)))
      .sort(),
  )
}
