import { readdir } from 'node:fs/promises'
import { dirname, join, matchesGlob, posix, relative, resolve, sep } from 'node:path'
import { UsageFault } from '../../../../cli/index.ts'
import { errorCode } from '../../../../platform/thrown.ts'
import type { WranglerConfig } from '../reading/config-schema.ts'
import { type Blob, blobOfFile } from './files.ts'

export interface TranslatedDatabases {
  databases: { binding: string; table?: string; files: { name: string; digest: string }[] }[]
  blobs: Blob[]
}

/** The migration files of the D1 databases, in the order in which `wrangler d1 migrations apply` applies them. */
export async function readDatabases(config: WranglerConfig): Promise<TranslatedDatabases> {
  const found: TranslatedDatabases = { databases: [], blobs: [] }
  // Paths are relative to the file that people edit, as for `wrangler d1 migrations apply`.
  const base = dirname(config.userConfigPath ?? config.configPath)
  for (const { binding, migrations_table: table, ...database } of config.d1_databases) {
    const folder = resolve(base, database.migrations_dir ?? 'migrations')
    const names = await migrationNames(folder, patternOf(database))
    if (names.length === 0) continue
    const blobs = await Promise.all(names.map((name) => blobOfFile(join(folder, name))))
    found.databases.push({
      binding,
      ...(table === undefined ? {} : { table }),
      files: names.map((name, index) => ({ name, digest: blobs[index]?.digest ?? '' })),
    })
    found.blobs.push(...blobs)
  }
  return found
}

/** The pattern of names below the folder. @throws UsageFault for a pattern outside of it */
function patternOf({
  migrations_dir: folder,
  migrations_pattern: pattern,
}: {
  migrations_dir?: string | undefined
  migrations_pattern?: string | undefined
}): string {
  if (pattern === undefined) return '*.sql'
  const prefix = `${posix.normalize(folder ?? 'migrations').replace(/\/$/, '')}/`
  const whole = posix.normalize(pattern)
  if (prefix === './') return whole
  if (whole.startsWith(prefix)) return whole.slice(prefix.length)
  throw new UsageFault(`migrations_pattern ${pattern} has to begin with migrations_dir (${prefix})`)
}

async function migrationNames(folder: string, pattern: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { recursive: pattern.includes('/'), withFileTypes: true })
    const names = entries
      .filter((entry) => entry.isFile())
      .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
    return names
      .filter((name) => matchesGlob(name, pattern) && !name.split('/').some((part) => part.startsWith('.')))
      .toSorted(inOrder)
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return []
    throw new UsageFault(`The folder of migrations ${folder} can't be read (${errorCode(error)})`)
  }
}

/** By the number that a name begins with, numbered ones first, then by text; folder by folder. */
function inOrder(one: string, other: string): number {
  const ones = one.split('/')
  const others = other.split('/')
  for (let at = 0; at < Math.min(ones.length, others.length); at += 1) {
    const order = comparePart(ones[at] ?? '', others[at] ?? '')
    if (order !== 0) return order
  }
  return ones.length - others.length
}

function comparePart(one: string, other: string): number {
  const [first, second] = [one, other].map((part) => Number.parseInt(part.split('_')[0] ?? '', 10))
  const number = (value: number | undefined) =>
    Number.isFinite(value) ? Number(value) : Number.POSITIVE_INFINITY
  if (number(first) !== number(second)) return number(first) < number(second) ? -1 : 1
  return one === other ? 0 : one < other ? -1 : 1
}
