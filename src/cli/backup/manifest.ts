import { z } from 'zod'
import { isPostgresFile } from '../../embedded/postgres/index.ts'
import { halfRestored } from '../../platform/installation/data-dir-lock.ts'

/** The file of a backup's manifest, the first entry of the archive. */
export const manifestFile = 'backup/manifest.json'
export const tablesFolder = 'backup/tables'

/** The files of DATA_DIR that a backup contains. The database is included as rows; each start creates the other files. */
export function isKept(name: string): boolean {
  return !isPostgresFile(name) && name !== halfRestored.file && !/^supervisor\.pid|^compile-cache$/.test(name)
}

// The names become part of SQL, and a backup may come from anywhere.
const name = z.string().regex(/^[a-z_][a-z0-9_]{0,62}$/)
const bound = z.string().regex(/^(?:DEFAULT|FOR VALUES FROM \('[\w:+. -]+'\) TO \('[\w:+. -]+'\))$/)

const contents = z.strictObject({
  tables: z.array(z.strictObject({ name, columns: z.array(name).min(1), rows: z.number().int().min(0) })),
  /** The partitions of partitioned tables; their rows are included in those of the parent. */
  partitions: z.array(z.strictObject({ name, parent: name, bound })),
  /** The last value of each sequence. */
  sequences: z.array(z.strictObject({ name, last: z.string().regex(/^-?\d+$/) })),
})

export const manifest = z.strictObject({
  format: z.literal(1),
  version: z.string(),
  createdAt: z.iso.datetime(),
  /** The migrations that had run, oldest first: the rows match the tables that they create. */
  migrations: z.array(z.string()).min(1),
  ...contents.shape,
})

export type Contents = z.infer<typeof contents>
export type Manifest = z.infer<typeof manifest>
