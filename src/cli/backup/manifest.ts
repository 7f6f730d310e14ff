import { z } from 'zod'
import { isPostgresFile } from '../../embedded/postgres/index.ts'
import { halfRestored } from '../../platform/installation/data-dir-lock.ts'

/** Where a backup keeps what it says of itself; the first entry of its archive. */
export const manifestFile = 'backup/manifest.json'
export const tablesFolder = 'backup/tables'

/** Of what a DATA_DIR holds. The server's own files are in the backup as rows; the others are made anew by every start. */
export function isKept(name: string): boolean {
  return !isPostgresFile(name) && name !== halfRestored.file && !/^supervisor\.pid|^compile-cache$/.test(name)
}

// They become part of SQL, and a backup is a file from anywhere.
const name = z.string().regex(/^[a-z_][a-z0-9_]{0,62}$/)
const bound = z.string().regex(/^(?:DEFAULT|FOR VALUES FROM \('[\w:+. -]+'\) TO \('[\w:+. -]+'\))$/)

const contents = z.strictObject({
  tables: z.array(z.strictObject({ name, columns: z.array(name).min(1), rows: z.number().int().min(0) })),
  /** The parts of partitioned tables, whose rows are among those of their parents. */
  partitions: z.array(z.strictObject({ name, parent: name, bound })),
  /** The last number that each gave away. */
  sequences: z.array(z.strictObject({ name, last: z.string().regex(/^-?\d+$/) })),
})

export const manifest = z.strictObject({
  format: z.literal(1),
  version: z.string(),
  createdAt: z.iso.datetime(),
  /** Those that had run, oldest first: the rows fit the tables that these make. */
  migrations: z.array(z.string()).min(1),
  ...contents.shape,
})

export type Contents = z.infer<typeof contents>
export type Manifest = z.infer<typeof manifest>
